"""The exporters of a lease as fields of its status: for a gang each member by its name, and always the first."""

from collections.abc import Sequence
from typing import Any

from jumplab_operator import clock
from jumplab_operator.resources import AssignedExporter, LeaseSpec, ObjectRef


def member_count(spec: LeaseSpec) -> int:
    """The number of exporters that the lease asks for."""
    return len(spec.exporters) if spec.exporters is not None else 1


def assigned_fields(spec: LeaseSpec, exporters: Sequence[str]) -> dict[str, Any]:
    """The fields with the assigned exporters, one for each member; none while the lease waits."""
    return {
        "exporter_ref": _first(exporters),
        "exporters": _several(spec, exporters),
        "clock": str(clock.TIME.setting()) if exporters else "",
    }


def reserved_fields(spec: LeaseSpec, exporters: Sequence[str]) -> dict[str, Any]:
    """The fields with the reserved exporters, one for each member; none where nothing is reserved."""
    return {"kept_exporter_ref": _first(exporters), "kept_exporters": _several(spec, exporters)}


def _first(exporters: Sequence[str]) -> ObjectRef | None:
    return ObjectRef(name=exporters[0]) if exporters else None


def _several(spec: LeaseSpec, exporters: Sequence[str]) -> list[AssignedExporter] | None:
    if not spec.exporters or not exporters:
        return None
    return [
        AssignedExporter(name=member.name, exporter_ref=ObjectRef(name=exporter))
        for member, exporter in zip(spec.exporters, exporters, strict=True)
    ]
