"""Waiting leases and their pending reasons, as the controller sends them; converted once from the wire."""

from dataclasses import dataclass
from datetime import UTC, datetime

from jumplab.client.views import LeaseView, lease_view
from jumplab.protocol.client_v1 import client_pb2


@dataclass(frozen=True, slots=True)
class QueuePosition:
    """A queue position; 1 is next.  expected_begin: None where it is not known.  latest_begin: where leases before it
    may be extended; None: they may not, or have no limit."""

    position: int
    expected_begin: datetime | None
    message: str
    latest_begin: datetime | None = None


@dataclass(frozen=True, slots=True)
class QueuedLease:
    """A lease in a queue."""

    name: str
    client: str
    selector: str
    """The requested exporter: a selector, an exporter's name, or one of these for each member."""
    queue_position: QueuePosition


@dataclass(frozen=True, slots=True)
class Considered:
    """An exporter that was considered for a lease, and why the lease hasn't got it.

    matches: it fits the request, whatever the reason why the lease does not have it.
    """

    exporter: str
    asked_for: str
    matches: bool
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a lease has no exporter.

    queue_position: None where it is in no queue;  left_out: how many more exporters were considered.
    """

    lease: LeaseView
    queue_position: QueuePosition | None
    exporters: tuple[Considered, ...]
    left_out: int


def explanation(message: client_pb2.LeaseExplanation) -> Explanation:
    """Reads an explanation from the wire."""
    return Explanation(
        lease=lease_view(message.lease),
        queue_position=_queue_position(message.place) if message.HasField("place") else None,
        exporters=tuple(
            Considered(each.exporter, each.asked_for, each.matches, each.reason, each.message)
            for each in message.exporters
        ),
        left_out=message.left_out,
    )


def queued_lease(message: client_pb2.QueuedLease) -> QueuedLease:
    """Reads a lease and its queue position from the wire."""
    lease = lease_view(message.lease)
    members = [f"{it.name}: {it.selector or it.exporter_name}" for it in message.lease.members]
    wanted = lease.selector or message.lease.exporter_name or ", ".join(members)
    return QueuedLease(lease.name, lease.client, wanted, _queue_position(message.place))


def _queue_position(message: client_pb2.QueuePosition) -> QueuePosition:
    expected = message.expected_begin_time.ToDatetime(UTC) if message.HasField("expected_begin_time") else None
    latest = message.latest_begin_time.ToDatetime(UTC) if message.HasField("latest_begin_time") else None
    return QueuePosition(message.position, expected, message.message, latest)
