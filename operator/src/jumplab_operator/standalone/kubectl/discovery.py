"""Discovery: which groups, versions and resources there are."""

from __future__ import annotations

from jumplab_operator.standalone.base.kinds import Kind, Object
from jumplab_operator.standalone.objects.registry import Registry


def core_versions(address: str) -> Object:
    """`/api`"""
    return {
        "kind": "APIVersions",
        "versions": ["v1"],
        "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": address}],
    }


def group_list(registry: Registry) -> Object:
    """`/apis`"""
    groups = [_group(name, versions) for name, versions in sorted(registry.groups().items()) if name]
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}


def group(registry: Registry, name: str) -> Object | None:
    """`/apis/GROUP`, None where it isn't served."""
    versions = registry.groups().get(name)
    return {"kind": "APIGroup", "apiVersion": "v1", **_group(name, versions)} if versions else None


def resource_list(registry: Registry, group_name: str, version: str) -> Object | None:
    """`/api/v1`, `/apis/GROUP/VERSION`; None where it isn't served."""
    kinds = registry.served_in(group_name, version)
    if not kinds:
        return None
    resources = [entry for kind in kinds for entry in _resources(kind, version)]
    group_version = f"{group_name}/{version}" if group_name else version
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version, "resources": resources}


def _group(name: str, versions: list[str]) -> Object:
    described = [{"groupVersion": f"{name}/{version}", "version": version} for version in versions]
    return {"name": name, "versions": described, "preferredVersion": described[0]}


def _resources(kind: Kind, version: str) -> list[Object]:
    entry: Object = {
        "name": kind.plural,
        "singularName": kind.singular,
        "namespaced": kind.namespaced,
        "kind": kind.kind,
        "verbs": list(kind.verbs),
    }
    if kind.short_names:
        entry["shortNames"] = list(kind.short_names)
    if kind.categories:
        entry["categories"] = list(kind.categories)
    entries = [entry]
    if kind.versions[version].has_status:
        entries.append(_subresource(kind, "status", ["get", "patch", "update"]))
    for each in kind.subresources:
        described = _subresource(kind, each.name, list(each.verbs))
        of_another = {"kind": each.kind, "group": each.group, "version": each.version} if each.kind else {}
        entries.append({**described, **of_another})
    return entries


def _subresource(kind: Kind, name: str, verbs: list[str]) -> Object:
    path = f"{kind.plural}/{name}"
    return {"name": path, "singularName": "", "namespaced": kind.namespaced, "kind": kind.kind, "verbs": verbs}
