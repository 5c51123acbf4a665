"""What a URL names: a kind with its version, a namespace, an object, a subresource."""

from __future__ import annotations

from dataclasses import dataclass, replace

from jumplab_operator.standalone.base import errors
from jumplab_operator.standalone.base.kinds import Kind, Object, Version
from jumplab_operator.standalone.base.rbac import Act
from jumplab_operator.standalone.objects.registry import Registry
from jumplab_operator.standalone.storage.store import Key


@dataclass(frozen=True, slots=True)
class Target:
    """What a request is about. Without a name: the collection."""

    kind: Kind
    version: Version
    namespace: str = ""
    name: str = ""
    subresource: str = ""

    @property
    def key(self) -> Key:
        return Key(self.kind.stored_in, self.namespace, self.name)

    def of(self, obj: Object) -> Target:
        """The target of one object of this collection."""
        metadata = obj["metadata"]
        return replace(self, namespace=metadata.get("namespace", ""), name=metadata["name"])

    @property
    def api_version(self) -> str:
        return self.kind.api_version(self.version.name)

    def shown(self, obj: Object) -> Object:
        """A stored object in the words of this kind and version."""
        return self.kind.view.shown(obj) if self.kind.view else {**obj, "apiVersion": self.api_version}

    def stored(self, obj: Object) -> Object:
        """An object of this kind and version as it is stored."""
        if self.kind.view:
            return self.kind.view.stored(obj)
        return {**obj, "apiVersion": self.kind.api_version(self.kind.storage_version)}

    def act(self, verb: str) -> Act:
        """What a request to it would do."""
        return Act(verb, self.kind.group, self.kind.plural, self.subresource, self.namespace, self.name)


def parse(path: str, registry: Registry) -> Target:
    """The target of `/api/v1/…` or `/apis/GROUP/VERSION/…`; raises a 404 for what isn't served."""
    steps = path.strip("/").split("/")
    if steps[0] == "api" and len(steps) >= 3:
        group, version, rest = "", steps[1], steps[2:]
    elif steps[0] == "apis" and len(steps) >= 4:
        group, version, rest = steps[1], steps[2], steps[3:]
    else:
        raise errors.path_not_found()
    namespace = ""
    if rest[0] == "namespaces" and len(rest) >= 3 and not _is_namespace_itself(group, rest):
        namespace, rest = rest[1], rest[2:]
    kind = registry.find(group, version, rest[0])
    if kind is None or len(rest) > 3 or (namespace and not kind.namespaced):
        raise errors.path_not_found()
    target = Target(kind, kind.versions[version], namespace, *rest[1:])
    if target.subresource and not _has(target):
        raise errors.not_found(kind, target.name) if kind.custom else errors.path_not_found()
    if target.name and kind.namespaced and not namespace:
        raise errors.path_not_found()
    return target


def _is_namespace_itself(group: str, rest: list[str]) -> bool:
    """`namespaces/NAME/status` and `…/finalize` are about the namespace, not about what is in it."""
    return not group and len(rest) == 3 and rest[2] in ("status", "finalize")


def _has(target: Target) -> bool:
    if target.subresource == "status":
        return target.version.has_status
    return any(each.name == target.subresource for each in target.kind.subresources)
