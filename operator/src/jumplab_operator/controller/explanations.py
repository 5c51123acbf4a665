"""Explanations of waiting leases as messages of the wire. No decisions, no I/O."""

from datetime import timedelta

from jumplab.protocol.client_v1 import client_pb2 as pb
from jumplab_operator.controller.lab import Explanation, QueuedLease
from jumplab_operator.controller.messages import lease_message, timestamp
from jumplab_operator.leasing.explain.explain import Considered
from jumplab_operator.leasing.explain.queue_position import QueuePosition
from jumplab_operator.resources import Lease

QUEUE_LIMIT = 1000
"""The most waiting leases of one answer."""
_EXPORTERS_LIMIT = 5000
"""An answer stays well below gRPC's limit of 4 MiB."""


def explanation_message(lease: Lease, explanation: Explanation, remaining: timedelta | None) -> pb.LeaseExplanation:
    """A lease's queue position, and why it has no exporter."""
    considered = explanation.considered
    return pb.LeaseExplanation(
        lease=lease_message(lease, remaining),
        place=_position_message(explanation.position) if explanation.position is not None else None,
        exporters=map(_considered_message, considered[:_EXPORTERS_LIMIT]),
        left_out=max(len(considered) - _EXPORTERS_LIMIT, 0),
    )


def queued_message(queued: QueuedLease) -> pb.QueuedLease:
    """A lease and its queue position."""
    return pb.QueuedLease(lease=lease_message(queued.lease, None), place=_position_message(queued.position))


def _position_message(it: QueuePosition) -> pb.QueuePosition:
    expected = timestamp(it.expected_begin) if it.expected_begin is not None else None
    latest = timestamp(it.latest_begin) if it.latest_begin is not None else None
    return pb.QueuePosition(
        position=it.position, expected_begin_time=expected, latest_begin_time=latest, message=it.message
    )


def _considered_message(considered: Considered) -> pb.ConsideredExporter:
    return pb.ConsideredExporter(
        exporter=considered.exporter,
        asked_for=considered.asked_for,
        matches=considered.matches,
        reason=considered.reason,
        message=considered.message,
    )
