"""How much one caller may send, and have stored."""

from typing import Any

import pytest
from grpc import StatusCode

from jumplab.protocol.client_v1 import client_pb2
from jumplab.protocol.v1 import common_pb2, controller_pb2
from jumplab_operator.controller import report_limits
from jumplab_operator.leasing.model import lease_ownership
from jumplab_operator.names import Name
from tests.controller.lab import NAMESPACE
from tests.controller.world import Controller, refused

SOON = 240
"""Seconds; a bound that only a hang reaches."""
BENCH = Name(NAMESPACE, "bench")


async def test_a_large_message_is_refused_where_a_small_one_does(controller: Controller) -> None:
    token = controller.lab.add_client("ci")
    async with controller.calling("Client", "ci", token) as (service, leases):
        async with refused(StatusCode.RESOURCE_EXHAUSTED, "bytes, the limit is 262144; ask for less at once"):
            await service.Dial(controller_pb2.DialRequest(lease_name="x" * 300_000), timeout=SOON)
        async with refused(StatusCode.RESOURCE_EXHAUSTED, "the limit is 262144"):
            await leases.WatchLease(client_pb2.GetLeaseRequest(name="x" * 300_000), timeout=SOON).read()
        async with refused(StatusCode.NOT_FOUND, "there is no lease"):
            await service.Dial(controller_pb2.DialRequest(lease_name="x" * 200_000), timeout=SOON)


async def test_a_report_of_many_drivers_may_be_larger(controller: Controller) -> None:
    token = controller.lab.add_exporter("bench")
    interface = common_pb2.InterfaceReport(name="acme.Interface", version=1, schema="x" * 10_000)
    reports = [common_pb2.DriverInstanceReport(uuid=f"u{number}", interfaces=[interface]) for number in range(100)]
    async with controller.calling("Exporter", "bench", token) as (service, _):
        await service.Register(controller_pb2.RegisterRequest(reports=reports), timeout=SOON)
    ((_, _, devices),) = controller.lab.registered
    assert len(devices) == 100


LABELS = {f"jumpstarter.dev/{number}": "x" for number in range(report_limits.MOST_LABELS + 1)}


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (controller_pb2.RegisterRequest(labels=LABELS), "65 labels under jumpstarter.dev/, the limit is 64"),
        (
            controller_pb2.RegisterRequest(reports=[common_pb2.DriverInstanceReport(uuid="u", labels=LABELS)]),
            'the driver "u" has 65 labels, the limit is 64',
        ),
        (
            controller_pb2.RegisterRequest(reports=[common_pb2.DriverInstanceReport()] * 100_000),
            "the exporter reports 100000 drivers, the limit is 1000",
        ),
        (
            controller_pb2.RegisterRequest(
                reports=[common_pb2.DriverInstanceReport(uuid="u", interfaces=[common_pb2.InterfaceReport()] * 65)]
            ),
            'the driver "u" has 65 interfaces, the limit is 64',
        ),
        (
            controller_pb2.RegisterRequest(
                reports=[common_pb2.DriverInstanceReport(uuid="u", labels={"a": "x" * 2_000_000})]
            ),
            "the exporter's 1 drivers take 2000",
        ),
    ],
    ids=["labels", "labels of a driver", "many drivers", "many interfaces", "drivers"],
)
async def test_an_exporter_does_not_fill_its_resource(controller: Controller, request_: Any, words: str) -> None:
    token = controller.lab.add_exporter("bench")
    async with (
        controller.calling("Exporter", "bench", token) as (service, _),
        refused(StatusCode.INVALID_ARGUMENT, words),
    ):
        await service.Register(request_, timeout=SOON)
    assert controller.lab.registered == []


async def test_an_exporters_messages_are_shortened(controller: Controller) -> None:
    token = controller.lab.add_exporter("bench")
    long = "x" * 100_000
    async with controller.calling("Exporter", "bench", token) as (service, _):
        health = controller_pb2.HealthReport(message=long, broken_drivers="")
        await service.ReportStatus(controller_pb2.ReportStatusRequest(message=long, health=health), timeout=SOON)
        await service.Unregister(controller_pb2.UnregisterRequest(reason=long), timeout=SOON)
    ((_, report),) = controller.lab.reports
    stored = [report.message, report.health.message, controller.lab.goodbyes[0][1]]
    assert stored == ["x" * 30_000 + "…"] * 3


async def test_a_client_has_so_many_leases_that_have_not_ended(
    controller: Controller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease_ownership, "MOST_LEASES", 3)
    token = controller.lab.add_client("ci")
    wanted = client_pb2.CreateLeaseRequest(parent=f"namespaces/{NAMESPACE}", lease=client_pb2.Lease(selector="board=x"))
    async with controller.calling("Client", "ci", token) as (service, leases):
        made = [await leases.CreateLease(wanted, timeout=SOON) for _ in range(3)]
        async with refused(StatusCode.RESOURCE_EXHAUSTED, 'client "ci" has 3 leases that have not ended'):
            await leases.CreateLease(wanted, timeout=SOON)
        async with refused(StatusCode.RESOURCE_EXHAUSTED, "the limit is 3; release some"):
            await service.RequestLease(controller_pb2.RequestLeaseRequest(), timeout=SOON)
    assert len({each.name for each in made}) == 3
