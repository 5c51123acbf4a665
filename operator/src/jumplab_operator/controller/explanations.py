"""What is told of those who wait, as the wire's messages. No decisions, no I/O."""

from jumplab.protocol.client_v1 import client_pb2 as pb
from jumplab_operator.controller.lab import Explanation, QueuedLease
from jumplab_operator.controller.messages import lease_message, timestamp
from jumplab_operator.leasing.explain.explain import Considered
from jumplab_operator.leasing.explain.queue_position import QueuePosition
from jumplab_operator.resources import Lease

QUEUE_LIMIT = 1000
"""So many leases are told of at once."""
_EXPORTERS_LIMIT = 5000
"""An answer stays well below gRPC's limit of 4 MiB."""


def explanation_message(lease: Lease, explanation: Explanation) -> pb.LeaseExplanation:
    """Where a lease stands, and why it has no exporter."""
    considered = explanation.considered
    return pb.LeaseExplanation(
        lease=lease_message(lease),
        place=_place_message(explanation.place) if explanation.place is not None else None,
        exporters=map(_considered_message, considered[:_EXPORTERS_LIMIT]),
        left_out=max(len(considered) - _EXPORTERS_LIMIT, 0),
    )


def queued_message(queued: QueuedLease) -> pb.QueuedLease:
    """A lease and its place."""
    return pb.QueuedLease(lease=lease_message(queued.lease), place=_place_message(queued.place))


def _place_message(place: QueuePosition) -> pb.QueuePosition:
    expected = timestamp(place.expected_begin) if place.expected_begin is not None else None
    return pb.QueuePosition(position=place.position, expected_begin_time=expected, message=place.message)


def _considered_message(considered: Considered) -> pb.ConsideredExporter:
    return pb.ConsideredExporter(
        exporter=considered.exporter,
        asked_for=considered.asked_for,
        matches=considered.matches,
        reason=considered.reason,
        message=considered.message,
    )
