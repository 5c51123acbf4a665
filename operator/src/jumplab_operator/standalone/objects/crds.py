"""CustomResourceDefinitions: from the object to the kind that it defines, and its conditions."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from jumplab_operator.standalone.base import errors
from jumplab_operator.standalone.base.errors import Cause
from jumplab_operator.standalone.base.kinds import Column, Kind, Object, Version
from jumplab_operator.standalone.objects import object_meta, schema_rules
from jumplab_operator.standalone.objects.built_in import CRDS
from jumplab_operator.standalone.objects.registry import version_priority

AGE = Column(
    "Age",
    "date",
    ".metadata.creationTimestamp",
    "CreationTimestamp is a timestamp representing the server time when this object was created. It is not guaranteed "
    "to be set in happens-before order across separate operations. Clients may not set this value. It is represented "
    "in RFC3339 form and is in UTC.\n\nPopulated by the system. Read-only. Null for lists. More info: "
    "https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#metadata",
)


def kind_of(crd: Object) -> Kind:
    """The kind that an accepted CRD defines."""
    spec = crd["spec"]
    names = spec["names"]
    served = sorted((v for v in spec["versions"] if v.get("served")), key=lambda v: version_priority(v["name"]))
    return Kind(
        group=spec["group"],
        plural=names["plural"],
        singular=names.get("singular") or names["kind"].lower(),
        kind=names["kind"],
        versions={version["name"]: _version(version) for version in served},
        storage_version=next(v["name"] for v in spec["versions"] if v.get("storage")),
        namespaced=spec["scope"] == "Namespaced",
        short_names=tuple(names.get("shortNames", ())),
        categories=tuple(names.get("categories", ())),
        list_kind=names.get("listKind") or f"{names['kind']}List",
        custom=True,
        counts_generations=True,
    )


def with_defaults(crd: Object) -> Object:
    """The CRD with the fields that the server fills in."""
    spec = crd.get("spec")
    if not isinstance(spec, dict) or not isinstance(spec.get("names"), dict):
        return crd
    names = dict(spec["names"])
    if kind := names.get("kind"):
        names.setdefault("singular", kind.lower())
        names.setdefault("listKind", f"{kind}List")
    versions = [_without_nulls(version) for version in spec.get("versions", ())]
    return {**crd, "spec": {"conversion": {"strategy": "None"}, **spec, "names": names, "versions": versions}}


def _without_nulls(version: Object) -> Object:
    if "openAPIV3Schema" not in version.get("schema", {}):
        return version
    return {**version, "schema": {"openAPIV3Schema": schema_rules.without_nulls(version["schema"]["openAPIV3Schema"])}}


def causes(crd: Object) -> list[Cause]:
    """What is wrong with a CRD; the checks are those that keep it from defining a kind."""
    try:
        found = _content_causes(crd, crd["spec"])
        if not found:
            kind_of(crd)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        return [Cause("spec", "FieldValueInvalid", f"Invalid value: it can't be read: {error!r}")]
    return found


def _content_causes(crd: Object, spec: Object) -> list[Cause]:
    found = [*_name_causes(crd, spec), *_version_causes(spec)]
    if spec.get("scope") not in ("Namespaced", "Cluster"):
        supported = 'supported values: "Cluster", "Namespaced"'
        rule = f'Unsupported value: "{spec.get("scope", "")}": {supported}'
        found.append(Cause("spec.scope", "FieldValueNotSupported", rule))
    if spec.get("conversion", {}).get("strategy", "None") != "None":
        rule = "Forbidden: the standalone API converts no versions"
        found.append(Cause("spec.conversion.strategy", "FieldValueForbidden", rule))
    return found


def established(crd: Object, others: Iterable[Kind], now: datetime) -> Object:
    """The CRD with its status: names accepted and established; raises a 409 where another CRD has one of its names."""
    kind = kind_of(crd)
    for other in others:
        if other.group == kind.group and other.plural != kind.plural and other.kind == kind.kind:
            raise errors.conflict(CRDS, kind.resource, f'the kind "{kind.kind}" is already defined by {other.resource}')
    old = crd.get("status") or {}
    stored = list(old.get("storedVersions") or [])
    if kind.storage_version not in stored:
        stored.append(kind.storage_version)
    status = {
        "acceptedNames": crd["spec"]["names"],
        "conditions": old.get("conditions") or _conditions(now),
        "storedVersions": stored,
    }
    return {**crd, "status": status}


def _conditions(now: datetime) -> list[Object]:
    since = {"status": "True", "lastTransitionTime": object_meta.timestamp(now)}
    return [
        {"type": "NamesAccepted", "reason": "NoConflicts", "message": "no conflicts found", **since},
        {"type": "Established", "reason": "InitialNamesAccepted",
         "message": "the initial names have been accepted", **since},
    ]  # fmt: skip


def _version(version: Object) -> Version:
    columns = tuple(
        Column(
            name=column["name"],
            type=column["type"],
            path=column["jsonPath"],
            description=column.get("description")
            or f"Custom resource definition column (in JSONPath format): {column['jsonPath']}",
            format=column.get("format", ""),
            priority=column.get("priority", 0),
        )
        for column in version.get("additionalPrinterColumns", ())
    )
    has_status = "status" in (version.get("subresources") or {})
    return Version(version["name"], version["schema"]["openAPIV3Schema"], columns or (AGE,), has_status)


def _name_causes(crd: Object, spec: Object) -> list[Cause]:
    names = spec.get("names", {})
    required = [
        Cause(field, "FieldValueRequired", "Required value")
        for field, value in (
            ("spec.group", spec.get("group")),
            ("spec.names.plural", names.get("plural")),
            ("spec.names.kind", names.get("kind")),
        )
        if not value
    ]
    expected = f"{names.get('plural')}.{spec.get('group')}"
    name = crd["metadata"].get("name")
    if not required and name != expected:
        rule = f'Invalid value: "{name}": must be spec.names.plural+"."+spec.group'
        required.append(Cause("metadata.name", "FieldValueInvalid", rule))
    return required


def _version_causes(spec: Object) -> list[Cause]:
    versions = spec.get("versions") or []
    found = []
    for index, version in enumerate(versions):
        path, rules = f"spec.versions[{index}].schema.openAPIV3Schema", version.get("schema", {}).get("openAPIV3Schema")
        if rules:
            found += schema_rules.causes(rules, path)
        else:
            found.append(Cause(path, "FieldValueRequired", "Required value: schemas are required"))
    if sum(bool(version.get("storage")) for version in versions) != 1:
        rule = "Invalid value: must have exactly one version marked as storage version"
        found.append(Cause("spec.versions", "FieldValueInvalid", rule))
    return found
