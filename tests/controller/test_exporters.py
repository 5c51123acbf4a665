"""What exporters say and are told."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from grpc import StatusCode, aio

from jumplab.protocol.v1 import common_pb2, controller_pb2
from jumplab_operator.controller.lab import Assignment, StatusReport
from jumplab_operator.names import Name
from jumplab_operator.resources import Lease
from jumplab_operator.router import tokens
from jumplab_operator.router.tokens import LIFETIME, Role
from tests.controller.lab import NAMESPACE
from tests.controller.world import Controller, refused

BENCH = Name(NAMESPACE, "bench")
SOON = 20
"""Seconds; a bound that only a hang reaches."""


@asynccontextmanager
async def status_of_bench(controller: Controller, token: str) -> AsyncIterator[Any]:
    """The exporter's Status stream, connected."""
    async with controller.calling("Exporter", "bench", token) as (service, _):
        call = service.Status(controller_pb2.StatusRequest(), timeout=240)
        yield call
        call.cancel()


async def next_of(call: Any) -> controller_pb2.StatusResponse:
    message: controller_pb2.StatusResponse = await asyncio.wait_for(call.read(), SOON)
    return message


def assigned(lease: Lease, end: datetime | None = None) -> Assignment:
    return Assignment(Name(lease.namespace, lease.name), lease.uid, "ci", {"job": "7"}, end)


async def test_registering_tells_labels_and_devices_with_their_interfaces(controller: Controller) -> None:
    token = controller.lab.add_exporter("bench")
    report = common_pb2.DriverInstanceReport(
        uuid="u2",
        parent_uuid="u1",
        labels={"jumpstarter.dev/name": "power"},
        interfaces=[common_pb2.InterfaceReport(name="jumplab.drivers.power.PowerInterface", version=2, schema="{}")],
    )
    async with controller.calling("Exporter", "bench", token) as (service, _):
        request = controller_pb2.RegisterRequest(labels={"board": "x"}, reports=[report])
        answer = await service.Register(request, timeout=SOON)
    assert answer.uuid == controller.lab.exporters_[BENCH].uid
    device = {
        "uuid": "u2",
        "parent_uuid": "u1",
        "labels": {"jumpstarter.dev/name": "power"},
        "interfaces": [{"name": "jumplab.drivers.power.PowerInterface", "version": "2"}],
    }
    assert controller.lab.registered == [(BENCH, {"board": "x"}, [device])]


async def test_a_status_report_arrives_with_the_resources_word_for_it(controller: Controller) -> None:
    token = controller.lab.add_exporter("bench")
    async with controller.calling("Exporter", "bench", token) as (service, _):
        request = controller_pb2.ReportStatusRequest(
            status=common_pb2.EXPORTER_STATUS_LEASE_READY, message="go", lease_uid="u", epoch="e", release_lease=True
        )
        await service.ReportStatus(request, timeout=SOON)
    assert controller.lab.reports == [(BENCH, StatusReport("LeaseReady", "go", "u", "e", True))]


async def test_a_goodbye_arrives(controller: Controller) -> None:
    token = controller.lab.add_exporter("bench")
    async with controller.calling("Exporter", "bench", token) as (service, _):
        await service.Unregister(controller_pb2.UnregisterRequest(reason="maintenance"), timeout=SOON)
    assert controller.lab.goodbyes == [(BENCH, "maintenance")]


async def test_the_status_stream_tells_the_whole_assignment_and_its_end(controller: Controller) -> None:
    token = controller.lab.add_exporter("bench")
    lease = controller.lab.add_ready_lease("demo", "ci", "bench")
    end = datetime(2030, 1, 2, tzinfo=UTC)
    async with status_of_bench(controller, token) as call:
        assert not (await next_of(call)).leased
        await controller.lab.assign("bench", assigned(lease, end))
        told = await next_of(call)
        assert (told.leased, told.lease_name, told.lease_uid, told.client_name) == (True, "demo", lease.uid, "ci")
        assert dict(told.context) == {"job": "7"}
        assert told.expected_end_time.ToDatetime(UTC) == end
        await controller.lab.assign("bench", None)
        told = await next_of(call)
        assert not told.leased
        assert not told.HasField("lease_name")


async def test_a_stream_that_is_lost_ends_the_presence(controller: Controller) -> None:
    token = controller.lab.add_exporter("bench")
    async with status_of_bench(controller, token) as call:
        await next_of(call)
        assert BENCH in controller.lab.connected
    await controller.lab.until(lambda: BENCH not in controller.lab.connected)


async def test_a_second_connection_of_an_exporter_supersedes_the_first(controller: Controller) -> None:
    token = controller.lab.add_exporter("bench")
    async with status_of_bench(controller, token) as first:
        await next_of(first)
        async with status_of_bench(controller, token) as second:
            await next_of(second)
            await controller.lab.assign("bench", None)  # wakes both
            async with refused(StatusCode.ABORTED, "another process", "run only one"):
                while await asyncio.wait_for(first.read(), SOON) is not aio.EOF:
                    pass


async def test_deleting_an_exporter_ends_its_stream(controller: Controller) -> None:
    token = controller.lab.add_exporter("bench")
    async with status_of_bench(controller, token) as call:
        await next_of(call)
        await controller.lab.delete_exporter("bench")
        async with refused(StatusCode.NOT_FOUND, 'exporter "bench"', "deleted"):
            await next_of(call)


async def test_listen_says_where_dials_are_told_instead(controller: Controller) -> None:
    token = controller.lab.add_exporter("bench")
    async with (
        controller.calling("Exporter", "bench", token) as (service, _),
        refused(StatusCode.UNIMPLEMENTED, "Status stream"),
    ):
        await service.Listen(controller_pb2.ListenRequest(lease_name="demo"), timeout=SOON).read()


async def test_dialling_gives_both_ends_tokens_of_one_session(controller: Controller) -> None:
    exporter_token, client_token = controller.lab.add_exporter("bench"), controller.lab.add_client("ci")
    lease = controller.lab.add_ready_lease("demo", "ci", "bench", timedelta(minutes=10))
    await controller.lab.assign("bench", assigned(lease))
    async with status_of_bench(controller, exporter_token) as call:
        assert not (await next_of(call)).offers
        async with controller.calling("Client", "ci", client_token) as (service, _):
            answer = await service.Dial(controller_pb2.DialRequest(lease_name="demo"), timeout=SOON)
        offer = (await next_of(call)).offers[0]
    key = controller.lab.issuer.public_key
    here, there = tokens.read(answer.router_token, key), tokens.read(offer.router_token, key)
    assert (answer.router_endpoint, answer.exporter_name) == ("router.example:443", "bench")
    assert offer.router_endpoint == "router.example:443"
    assert here.session == there.session
    assert (here.role, there.role) == (Role.CLIENT, Role.EXPORTER)
    assert (here.lease, here.exporter) == (lease.uid, controller.lab.exporters_[BENCH].uid)
    assert timedelta(minutes=9) < here.deadline - controller.clock() <= timedelta(minutes=10)
    assert here.expires - controller.clock() <= LIFETIME


async def test_a_client_on_the_exporters_machine_gets_its_socket_and_any_other_the_router(
    controller: Controller,
) -> None:
    exporter_token, client_token = controller.lab.add_exporter("bench"), controller.lab.add_client("ci")
    lease = controller.lab.add_ready_lease("demo", "ci", "bench")
    await controller.lab.assign("bench", assigned(lease))
    here = controller_pb2.StatusRequest(machine="m-1", local_socket="/run/bench/session.sock")

    async with (
        controller.calling("Exporter", "bench", exporter_token) as (exporter, _),
        controller.calling("Client", "ci", client_token) as (service, _),
    ):

        async def dialled(machine: str) -> Any:
            request = controller_pb2.DialRequest(lease_name="demo", machine=machine)
            return await service.Dial(request, timeout=SOON)

        assert not (await dialled("m-1")).local_socket  # where the exporter is has not been heard
        call = exporter.Status(here)
        assert not (await next_of(call)).local_tokens
        near = await dialled("m-1")
        told = await next_of(call)
        assert near.local_socket == "/run/bench/session.sock"
        assert list(told.local_tokens) == [hashlib.sha256(near.router_token.encode()).digest()]
        assert len(told.offers) == 1  # the one from before
        for machine in ("", "m-2"):
            assert not (await dialled(machine)).local_socket
        call.cancel()


async def test_an_offer_waits_for_its_exporter_until_its_token_expires(controller: Controller) -> None:
    exporter_token, client_token = controller.lab.add_exporter("bench"), controller.lab.add_client("ci")
    lease = controller.lab.add_ready_lease("demo", "ci", "bench")
    await controller.lab.assign("bench", assigned(lease))
    async with controller.calling("Client", "ci", client_token) as (service, _):
        await service.Dial(controller_pb2.DialRequest(lease_name="demo"), timeout=SOON)
    for ahead, offers in ((timedelta(), 1), (LIFETIME, 0)):
        controller.clock.ahead = ahead
        async with status_of_bench(controller, exporter_token) as call:
            assert len((await next_of(call)).offers) == offers


async def test_an_offer_for_an_earlier_lease_is_not_told(controller: Controller) -> None:
    exporter_token, client_token = controller.lab.add_exporter("bench"), controller.lab.add_client("ci")
    controller.lab.add_ready_lease("demo", "ci", "bench")
    async with controller.calling("Client", "ci", client_token) as (service, _):
        await service.Dial(controller_pb2.DialRequest(lease_name="demo"), timeout=SOON)
    await controller.lab.assign("bench", assigned(controller.lab.add_ready_lease("next", "ci", "bench")))
    async with status_of_bench(controller, exporter_token) as call:
        assert not (await next_of(call)).offers


async def test_an_offer_of_a_former_holder_is_not_told_and_its_stream_not_prolonged(controller: Controller) -> None:
    exporter_token, client_token = controller.lab.add_exporter("bench"), controller.lab.add_client("ci")
    lease = controller.lab.add_ready_lease("demo", "ci", "bench")
    async with controller.calling("Client", "ci", client_token) as (service, _):
        answer = await service.Dial(controller_pb2.DialRequest(lease_name="demo"), timeout=SOON)
    claims = tokens.read(answer.router_token, controller.lab.issuer.public_key)
    assert controller.dialler.prolonged(claims) is not None
    await controller.lab.patch_lease(Name(NAMESPACE, "demo"), {"clientRef": {"name": "heir"}})
    await controller.lab.assign("bench", replace(assigned(lease), client="heir"))
    async with status_of_bench(controller, exporter_token) as call:
        assert not (await next_of(call)).offers
    assert controller.dialler.prolonged(claims) is None


async def test_an_exporter_learns_how_long_its_lease_lasts_and_nothing_of_others(controller: Controller) -> None:
    token, _ = controller.lab.add_exporter("bench"), controller.lab.add_exporter("other")
    lease = controller.lab.add_ready_lease("demo", "ci", "bench", timedelta(minutes=10))
    controller.lab.add_ready_lease("foreign", "ci", "other")
    async with controller.calling("Exporter", "bench", token) as (service, _):
        answer = await service.GetLease(controller_pb2.GetLeaseRequest(name="demo"), timeout=SOON)
        assert answer.uid == lease.uid
        assert timedelta(minutes=9) < answer.remaining.ToTimedelta() <= timedelta(minutes=10)
        async with refused(StatusCode.PERMISSION_DENIED, "does not have exporter"):
            await service.GetLease(controller_pb2.GetLeaseRequest(name="foreign"), timeout=SOON)
