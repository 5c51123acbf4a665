"""Requests of clients as fields of the Lease resource."""

from collections.abc import Callable, Mapping
from datetime import UTC
from typing import Any

from google.protobuf.duration_pb2 import Duration

from jumplab.protocol import durations
from jumplab.protocol.client_v1 import client_pb2 as pb
from jumplab_operator.controller.names import parse_resource
from jumplab_operator.controller.refusals import BadRequest
from jumplab_operator.controller.selectors import parse_selector
from jumplab_operator.resources.lease import MOST_MEMBERS
from jumplab_operator.resources.metadata import format_instant


def new_spec(client: str, lease: pb.Lease) -> dict[str, Any]:
    """The spec of a Lease to be created for `client`. Raises BadRequest."""
    spec: dict[str, Any] = {"clientRef": {"name": client}, **_selection("the lease", lease)}
    if len(lease.members) > MOST_MEMBERS:
        raise BadRequest(f"the lease has {len(lease.members)} members, the limit is {MOST_MEMBERS}; ask for fewer")
    if lease.members:
        spec["exporters"] = [
            {"name": member.name, **_selection(f'member "{member.name}" of the lease', member)}
            for member in lease.members
        ]
    for path in ("duration", "begin_time", "end_time"):
        if lease.HasField(path):
            spec.update(_FIELDS[path](lease))
    if lease.HasField("release_after_detached"):
        spec["releaseAfterDetached"] = duration_field(lease.release_after_detached)
    if lease.HasField("max_duration"):
        spec["extendOnActivity"] = {"maxDuration": duration_field(lease.max_duration)}
    if lease.allow_disabled:
        spec["allowDisabled"] = True
    if lease.tags:
        spec["tags"] = dict(lease.tags)
    if lease.context:
        spec["context"] = dict(lease.context)
    return spec


def _selection(what: str, asked: pb.Lease | pb.LeaseMember) -> dict[str, Any]:
    several = isinstance(asked, pb.Lease) and asked.members
    if not asked.selector and not asked.exporter_name and not several:
        raise BadRequest(f"{what} has neither a selector nor an exporter name; set one, for example board=x")
    fields: dict[str, Any] = {}
    if asked.selector:
        fields["selector"] = parse_selector(asked.selector).to_plain()
    if asked.exporter_name:
        fields["exporterRef"] = {"name": asked.exporter_name}
    return fields


def spec_changes(request: pb.UpdateLeaseRequest) -> dict[str, Any]:
    """The merge patch of a Lease's spec; without a mask what is set counts. Raises BadRequest."""
    lease = request.lease
    paths = list(request.update_mask.paths) or [path for path in _FIELDS if lease.HasField(path)]  # type: ignore[arg-type]
    changes: dict[str, Any] = {}
    for path in dict.fromkeys(paths):
        if path not in _FIELDS:
            raise BadRequest(f'"{path}" of a lease can\'t be changed; these can: {", ".join(_FIELDS)}')
        changes.update(_FIELDS[path](lease))
    if not changes:
        raise BadRequest(f"nothing to change; set one of {', '.join(_FIELDS)}")
    return changes


def _duration(lease: pb.Lease) -> Mapping[str, Any]:
    if not lease.HasField("duration"):
        return {"duration": None}
    return {"duration": duration_field(lease.duration)}


def duration_field(asked: Duration) -> str:
    """A duration from the wire, as the custom resource has it. Raises BadRequest."""
    try:
        return durations.format_duration(durations.from_message(asked))
    except ValueError as error:
        raise BadRequest(str(error)) from error


def _begin_time(lease: pb.Lease) -> Mapping[str, Any]:
    return {"beginTime": format_instant(lease.begin_time.ToDatetime(UTC)) if lease.HasField("begin_time") else None}


def _end_time(lease: pb.Lease) -> Mapping[str, Any]:
    return {"endTime": format_instant(lease.end_time.ToDatetime(UTC)) if lease.HasField("end_time") else None}


def _client(lease: pb.Lease) -> Mapping[str, Any]:
    if not lease.client:
        raise BadRequest("a lease needs a client; set its name")
    return {"clientRef": {"name": parse_resource("clients", lease.client).name}}


_FIELDS: dict[str, Callable[[pb.Lease], Mapping[str, Any]]] = {
    "duration": _duration,
    "begin_time": _begin_time,
    "end_time": _end_time,
    "client": _client,
}
