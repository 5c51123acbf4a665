"""What clients are told of those who wait."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from grpc import StatusCode

from jumplab.protocol.client_v1 import client_pb2 as pb
from jumplab_operator.controller.lab import Explanation
from jumplab_operator.leasing.explain.explain import Considered
from jumplab_operator.leasing.explain.queue_position import QueuePosition
from jumplab_operator.resources import LabelSelector
from tests.controller.lab import NAMESPACE
from tests.controller.world import Controller, refused

PARENT = f"namespaces/{NAMESPACE}"
SOON = 20
NOON = datetime(2026, 8, 1, 12, tzinfo=UTC)
WAITING = {"clientRef": {"name": "ann"}, "selector": {"matchLabels": {"board": "x"}}}


async def test_everybody_may_ask_where_a_lease_stands_and_why(controller: Controller) -> None:
    token = controller.lab.add_client("ci")
    controller.lab.add_lease("demo", WAITING, {})
    considered = Considered("board=x", "bench-1", True, "Leased", "it is leased by ci")
    controller.lab.explanation = Explanation(QueuePosition(3, NOON, "3rd"), [considered] * 5001)
    async with controller.calling("Client", "ci", token) as (_, client):
        told = await client.ExplainLease(pb.GetLeaseRequest(name=f"{PARENT}/leases/demo"), timeout=SOON)
    assert (told.lease.name, told.place.position, told.place.message) == (f"{PARENT}/leases/demo", 3, "3rd")
    assert told.place.expected_begin_time.ToDatetime(UTC) == NOON
    assert (len(told.exporters), told.left_out) == (5000, 1)
    assert (told.exporters[0].exporter, told.exporters[0].reason) == ("bench-1", "Leased")


async def test_the_queue_is_told_in_its_order_and_a_long_one_in_part(controller: Controller) -> None:
    token = controller.lab.add_client("ci")
    lease = controller.lab.add_lease("demo", WAITING, {})
    controller.lab.waiting = [(lease, QueuePosition(position, None, "")) for position in range(1, 1002)]
    async with controller.calling("Client", "ci", token) as (_, client):
        told = await client.ListQueue(pb.ListQueueRequest(parent=PARENT, filter="board=x"), timeout=SOON)
    assert controller.lab.asked_for == LabelSelector(match_labels={"board": "x"})
    assert [each.place.position for each in told.leases] == list(range(1, 1001))
    assert told.more
    assert not told.leases[0].place.HasField("expected_begin_time")


@pytest.mark.parametrize(
    ("parent", "name", "code"),
    [
        ("namespaces/other", "namespaces/other/leases/demo", StatusCode.PERMISSION_DENIED),
        ("lab", "demo", StatusCode.INVALID_ARGUMENT),
    ],
)
async def test_of_other_namespaces_nothing_is_told(
    controller: Controller, parent: str, name: str, code: StatusCode
) -> None:
    token = controller.lab.add_client("ci")
    async with controller.calling("Client", "ci", token) as (_, client):
        async with refused(code):
            await client.ListQueue(pb.ListQueueRequest(parent=parent), timeout=SOON)
        async with refused(code):
            await client.ExplainLease(pb.GetLeaseRequest(name=name), timeout=SOON)


async def test_a_lease_that_is_not_there_can_not_be_explained(controller: Controller) -> None:
    token = controller.lab.add_client("ci")
    async with controller.calling("Client", "ci", token) as (_, client), refused(StatusCode.NOT_FOUND, "no lease"):
        await client.ExplainLease(pb.GetLeaseRequest(name=f"{PARENT}/leases/demo"), timeout=SOON)
