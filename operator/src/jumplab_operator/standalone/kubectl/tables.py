"""Tables: the columns that kubectl prints, and an object's cells in them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from jumplab_operator.standalone.base.kinds import Column, Kind, Object, Version
from jumplab_operator.standalone.kubectl import jsonpath
from jumplab_operator.standalone.kubectl.ages import age

_NAME = Column(
    "Name", "string", ".metadata.name", format="name",
    description="Name must be unique within a namespace. Is required when creating resources, although some resources "
    "may allow a client to request the generation of an appropriate name automatically. Name is primarily intended for "
    "creation idempotence and configuration definition. Cannot be updated. More info: "
    "http://kubernetes.io/docs/user-guide/identifiers#names",
)  # fmt: skip
_AGE = Column("Age", "string", ".metadata.creationTimestamp")

_Cells = Callable[[Object, datetime], list[Any]]


@dataclass(frozen=True, slots=True)
class _BuiltIn:
    columns: tuple[Column, ...]
    cells: _Cells


def definitions(kind: Kind, version: Version) -> list[Object]:
    """The columnDefinitions of a Table."""
    built_in = _BUILT_IN.get(kind.stored_in)
    columns = built_in.columns if built_in else (_NAME, *version.columns)
    return [
        {"name": c.name, "type": c.type, "format": c.format, "description": c.description, "priority": c.priority}
        for c in columns
    ]


def cells(kind: Kind, version: Version, obj: Object, now: datetime) -> list[Any]:
    """An object's cells, one for each column."""
    if built_in := _BUILT_IN.get(kind.stored_in):
        return built_in.cells(obj, now)
    return [obj["metadata"]["name"], *(_cell(column, obj, now) for column in version.columns)]


def _cell(column: Column, obj: Object, now: datetime) -> Any:
    found = jsonpath.find(column.path, obj)
    if not found or found[0] is None:
        return None
    return _typed(column.type, found[0], now)


def _typed(wanted: str, value: Any, now: datetime) -> Any:
    if wanted == "string":
        return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
    if wanted == "date":
        return age(value, now) if isinstance(value, str) else None
    if wanted == "boolean":
        return value if isinstance(value, bool) else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value) if wanted == "integer" else value


def _namespace_cells(obj: Object, now: datetime) -> list[Any]:
    return [obj["metadata"]["name"], obj.get("status", {}).get("phase", ""), _age_of(obj, now)]


def _secret_cells(obj: Object, now: datetime) -> list[Any]:
    return [obj["metadata"]["name"], obj.get("type", ""), len(obj.get("data") or {}), _age_of(obj, now)]


def _config_map_cells(obj: Object, now: datetime) -> list[Any]:
    entries = len(obj.get("data") or {}) + len(obj.get("binaryData") or {})
    return [obj["metadata"]["name"], entries, _age_of(obj, now)]


def _service_account_cells(obj: Object, now: datetime) -> list[Any]:
    return [obj["metadata"]["name"], len(obj.get("secrets") or []), _age_of(obj, now)]


def _lease_cells(obj: Object, now: datetime) -> list[Any]:
    return [obj["metadata"]["name"], obj.get("spec", {}).get("holderIdentity") or "", _age_of(obj, now)]


def _crd_cells(obj: Object, _now: datetime) -> list[Any]:
    return [obj["metadata"]["name"], obj["metadata"]["creationTimestamp"]]


def _event_cells(obj: Object, now: datetime) -> list[Any]:
    about, source = obj.get("involvedObject") or {}, obj.get("source") or {}
    first = obj.get("firstTimestamp") or obj.get("eventTime")
    last = ((obj.get("series") or {}).get("lastObservedTime")) or obj.get("lastTimestamp") or first
    origin = ", ".join(filter(None, (source.get("component") or obj.get("reportingComponent"), source.get("host"))))
    return [
        age(last, now), obj.get("type", ""), obj.get("reason", ""),
        f"{about.get('kind', '').lower()}/{about.get('name', '')}", about.get("fieldPath", ""), origin,
        obj.get("message", "").strip(), age(first, now), obj.get("count") or 1, obj["metadata"]["name"],
    ]  # fmt: skip


def _age_of(obj: Object, now: datetime) -> str:
    return age(obj["metadata"].get("creationTimestamp"), now)


def _plain(*names: str, wide: tuple[str, ...] = ()) -> tuple[Column, ...]:
    return tuple(Column(name, "string", "", priority=int(name in wide)) for name in names)


_EVENT_COLUMNS = _plain(
    "Last Seen", "Type", "Reason", "Object", "Subobject", "Source", "Message", "First Seen", "Count", "Name",
    wide=("Subobject", "Source", "First Seen", "Count", "Name"),
)  # fmt: skip
_BUILT_IN = {
    "namespaces": _BuiltIn((_NAME, *_plain("Status"), _AGE), _namespace_cells),
    "secrets": _BuiltIn((_NAME, *_plain("Type", "Data"), _AGE), _secret_cells),
    "configmaps": _BuiltIn((_NAME, *_plain("Data"), _AGE), _config_map_cells),
    "serviceaccounts": _BuiltIn((_NAME, *_plain("Secrets"), _AGE), _service_account_cells),
    "leases.coordination.k8s.io": _BuiltIn((_NAME, *_plain("Holder"), _AGE), _lease_cells),
    "customresourcedefinitions.apiextensions.k8s.io": _BuiltIn((_NAME, *_plain("Created At")), _crd_cells),
    "events": _BuiltIn(_EVENT_COLUMNS, _event_cells),
}
