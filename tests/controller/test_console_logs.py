"""The way to the console logs of a lease: for its holder alone, also once it has ended."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest
from grpc import StatusCode, aio

from jumplab.protocol.v1 import controller_pb2, router_pb2
from jumplab.protocol.v1.controller_pb2_grpc import ControllerServiceStub
from jumplab.protocol.v1.router_pb2_grpc import RouterServiceStub
from jumplab.transport.channel import open_channel
from jumplab.transport.endpoint import Identity, bearer
from jumplab_operator.controller.dialling import READING_LOGS
from jumplab_operator.controller.lab import Assignment
from jumplab_operator.names import Name
from jumplab_operator.resources import Lease
from jumplab_operator.router.tokens import LIFETIME, Role, mint
from tests.controller.lab import NAMESPACE
from tests.controller.world import Controller, refused

SOON = 240
"""Seconds; a bound that only a hang reaches."""


def ended_lease(controller: Controller, name: str = "spoken", client: str = "ci", **status: Any) -> Lease:
    """A lease of exporter "bench" that has ended."""
    uid = controller.lab.clients[Name(NAMESPACE, client)].uid
    known = {"ended": True, "exporterRef": {"name": "bench"}, "holder": {"uid": uid}}
    return controller.lab.add_lease(name, {"clientRef": {"name": client}}, known | status)


@dataclass
class Bench:
    """The controller, with exporter "bench" connected and clients "ci" and "other". told: what the exporter hears."""

    controller: Controller
    told: Any
    tokens: dict[str, str]

    @asynccontextmanager
    async def calling(self, client: str = "ci") -> AsyncIterator[Any]:
        async with self.controller.calling("Client", client, self.tokens[client]) as (stub, _):
            yield stub

    async def asked(self, lease: str = "spoken", client: str = "ci") -> controller_pb2.DialResponse:
        """The controller's answer to a client."""
        async with self.calling(client) as stub:
            answer: controller_pb2.DialResponse = await stub.DialLogs(controller_pb2.DialLogsRequest(lease_name=lease))
            return answer

    async def joined(self, channel: aio.Channel, lease: str = "spoken") -> tuple[Any, Any]:
        """Both ends of a session that reads a lease's logs, joined at the router."""
        answer = await self.asked(lease)
        offer = await self.offer()
        client, exporter = (
            RouterServiceStub(channel).Stream(metadata=bearer(token))
            for token in (answer.router_token, offer.router.router_token)
        )
        await client.write(router_pb2.StreamRequest(payload=b"hello"))
        assert (await asyncio.wait_for(exporter.read(), SOON)).payload == b"hello"
        return client, exporter

    async def offer(self) -> controller_pb2.LogOffer:
        """What the exporter hears of last."""
        state = await asyncio.wait_for(self.told.read(), SOON)
        offer: controller_pb2.LogOffer = state.log_offers[-1]
        return offer


@asynccontextmanager
async def connected(controller: Controller, **said: Any) -> AsyncIterator[Bench]:
    tokens = {name: controller.lab.add_client(name) for name in ("ci", "other")}
    identity = Identity(NAMESPACE, "Exporter", "bench", controller.lab.add_exporter("bench"))
    async with open_channel(controller.endpoint, identity=identity) as channel:
        call: Any = ControllerServiceStub(channel).Status(controller_pb2.StatusRequest(**said))
        await asyncio.wait_for(call.read(), SOON)
        yield Bench(controller, call, tokens)
        call.cancel()


@pytest.fixture
async def bench(controller: Controller) -> AsyncIterator[Bench]:
    async with connected(controller, serves_logs=True) as bench:
        yield bench


async def test_a_free_exporter_is_offered_the_reader_of_an_ended_lease(bench: Bench) -> None:
    lease = ended_lease(bench.controller)
    answer = await bench.asked()
    state = await asyncio.wait_for(bench.told.read(), SOON)
    assert not state.leased
    assert [each.lease_uid for each in state.log_offers] == [lease.uid]
    assert (answer.router_endpoint, answer.exporter_name, answer.local_socket) == ("router.example:443", "bench", "")


async def test_an_exporter_that_serves_another_lease_is_offered_it_apart_from_that_lease(bench: Bench) -> None:
    lab = bench.controller.lab
    now, before = lab.add_ready_lease("now", "other", "bench"), ended_lease(bench.controller)
    await lab.assign("bench", Assignment(Name(NAMESPACE, "now"), now.uid, "other", {}, None))
    assert (await asyncio.wait_for(bench.told.read(), SOON)).lease_uid == now.uid
    await bench.asked()
    state = await asyncio.wait_for(bench.told.read(), SOON)
    assert (state.lease_uid, state.client_name, list(state.offers)) == (now.uid, "other", [])
    assert [each.lease_uid for each in state.log_offers] == [before.uid]


async def test_both_ends_are_joined_while_the_router_has_the_lease_as_ended(bench: Bench) -> None:
    lease = ended_lease(bench.controller)
    bench.controller.router.cut(lease.uid)
    async with open_channel(bench.controller.endpoint) as channel:
        client, exporter = await bench.joined(channel)
        bench.controller.router.cut(lease.uid)  # it ends again: that is no news for it
        await exporter.write(router_pb2.StreamRequest(payload=b"welcome"))
        assert (await asyncio.wait_for(client.read(), SOON)).payload == b"welcome"


async def test_a_lease_in_force_that_goes_to_another_client_takes_the_reader_along(bench: Bench) -> None:
    lease = bench.controller.lab.add_ready_lease("demo", "ci", "bench")
    async with open_channel(bench.controller.endpoint) as channel:
        client, _ = await bench.joined(channel, "demo")
        bench.controller.router.cut(lease.uid, "other")
        assert await asyncio.wait_for(client.code(), SOON) is StatusCode.FAILED_PRECONDITION


async def test_whoever_reads_is_cut_seconds_after_the_client_is_revoked(bench: Bench) -> None:
    ended_lease(bench.controller)
    async with open_channel(bench.controller.endpoint) as channel:
        client, _ = await bench.joined(channel)
        del bench.controller.lab.clients[Name(NAMESPACE, "ci")]
        assert await asyncio.wait_for(client.code(), SOON) is StatusCode.FAILED_PRECONDITION
        assert "console logs is over" in await client.details()


@pytest.mark.parametrize("change", [None, {"uid": "of-another"}, {"credentialUid": "removed"}])
async def test_reading_is_not_prolonged_once_the_right_is_gone(change: dict[str, str] | None, bench: Bench) -> None:
    lease = ended_lease(bench.controller).to_plain()
    await bench.asked()
    dialler = bench.controller.dialler
    claims = dialler.known.read((await bench.offer()).router.router_token)
    assert dialler.prolonged(claims) is not None
    if change is None:
        await bench.controller.lab.put_lease(None, Name(NAMESPACE, "spoken"))
    else:
        lease["status"]["holder"] |= change
        await bench.controller.lab.put_lease(Lease.from_plain(lease), Name(NAMESPACE, "spoken"))
    assert dialler.prolonged(claims) is None


async def test_reading_ends_with_its_time(bench: Bench) -> None:
    ended_lease(bench.controller)
    dialler = bench.controller.dialler
    await bench.asked()
    claims = dialler.known.read((await bench.offer()).router.router_token)
    asked_at = claims.expires - LIFETIME
    assert claims.logs
    assert claims.deadline - asked_at < READING_LOGS
    bench.controller.clock.ahead += READING_LOGS - timedelta(seconds=1)
    assert dialler.prolonged(claims) == asked_at + READING_LOGS
    bench.controller.clock.ahead += timedelta(seconds=2)
    assert dialler.prolonged(claims) == asked_at + READING_LOGS  # it has passed: the router cuts


async def test_nobody_but_the_holder_is_let_in(bench: Bench) -> None:
    ended_lease(bench.controller)
    async with refused(StatusCode.PERMISSION_DENIED, 'belongs to client "ci", not to "other"'):
        await bench.asked(client="other")
    exporter = bench.controller.lab.give_token("Exporter", bench.controller.lab.exporters_[Name(NAMESPACE, "bench")])
    async with (
        bench.controller.calling("Exporter", "bench", exporter) as (stub, _),
        refused(StatusCode.PERMISSION_DENIED, "only clients may call this"),
    ):
        await stub.DialLogs(controller_pb2.DialLogsRequest(lease_name="spoken"))
    async with (
        bench.controller.calling("Client", "ci", "no token") as (stub, _),
        refused(StatusCode.UNAUTHENTICATED),
    ):
        await stub.DialLogs(controller_pb2.DialLogsRequest(lease_name="spoken"))


@pytest.mark.parametrize("holder", [{"uid": "of-another"}, None])
async def test_a_client_of_the_same_name_inherits_no_logs(holder: dict[str, str] | None, bench: Bench) -> None:
    ended_lease(bench.controller, holder=holder)
    async with refused(StatusCode.PERMISSION_DENIED, 'an earlier client of the name "ci"'):
        await bench.asked()


async def test_a_client_whose_credential_was_removed_is_another_for_its_earlier_leases(bench: Bench) -> None:
    uid = bench.controller.lab.clients[Name(NAMESPACE, "ci")].uid
    ended_lease(bench.controller, holder={"uid": uid, "credentialUid": "removed"})
    async with refused(StatusCode.PERMISSION_DENIED, "with a credential that was removed"):
        await bench.asked()


async def test_a_lease_that_waits_or_is_nowhere_has_no_logs(bench: Bench) -> None:
    bench.controller.lab.add_lease("waiting", {"clientRef": {"name": "ci"}}, {})
    async with refused(StatusCode.FAILED_PRECONDITION, 'lease "waiting" has had no exporter'):
        await bench.asked("waiting")
    async with refused(StatusCode.NOT_FOUND, 'no lease "nowhere"'):
        await bench.asked("nowhere")
    ended_lease(bench.controller, "elsewhere", exporterRef={"name": "gone"})
    async with refused(StatusCode.FAILED_PRECONDITION, 'exporter "gone" had the logs of lease "elsewhere", and was'):
        await bench.asked("elsewhere")


async def test_an_exporter_that_is_away_is_no_refusal(controller: Controller) -> None:
    async with connected(controller, serves_logs=True) as bench:
        ended_lease(controller)
        lab = controller.lab
        bench.told.cancel()
        await lab.until(lambda: not lab.connected)
        async with refused(StatusCode.UNAVAILABLE, 'exporter "bench", which has the console logs', "is offline"):
            await bench.asked()


async def test_an_exporter_that_does_not_know_such_offers_gets_none(controller: Controller) -> None:
    async with connected(controller) as bench:
        ended_lease(controller)
        async with refused(StatusCode.FAILED_PRECONDITION, 'exporter "bench" is of a version', "updated"):
            await bench.asked()


async def test_one_lease_is_not_asked_for_without_end(bench: Bench) -> None:
    ended_lease(bench.controller)
    ended_lease(bench.controller, "another")
    async with bench.calling() as stub:
        for _ in range(16):
            await stub.DialLogs(controller_pb2.DialLogsRequest(lease_name="spoken"))
        async with refused(StatusCode.UNAVAILABLE, "asked for 16 times within a minute"):
            await stub.DialLogs(controller_pb2.DialLogsRequest(lease_name="spoken"))
        await stub.DialLogs(controller_pb2.DialLogsRequest(lease_name="another"))
        bench.controller.clock.ahead += LIFETIME
        await stub.DialLogs(controller_pb2.DialLogsRequest(lease_name="spoken"))


@pytest.mark.parametrize("as_logs", [True, False])
async def test_the_ends_of_a_session_and_of_a_reader_are_never_joined(as_logs: bool, bench: Bench) -> None:
    """The router refuses an end that is for logs in a session that is not, and the other way round."""
    lab, dialler = bench.controller.lab, bench.controller.dialler
    lease = lab.add_ready_lease("demo", "ci", "bench")
    await bench.asked("demo")
    claims = dialler.known.read((await bench.offer()).router.router_token)
    first, second = replace(claims, logs=as_logs), replace(claims, logs=not as_logs, role=Role.CLIENT)
    assert claims.lease == lease.uid
    async with open_channel(bench.controller.endpoint) as channel:
        opened = RouterServiceStub(channel).Stream(metadata=bearer(mint(first, dialler.key)))
        later = RouterServiceStub(channel).Stream(metadata=bearer(mint(second, dialler.key)))
        done, _ = await asyncio.wait(
            {asyncio.ensure_future(opened.code()), asyncio.ensure_future(later.code())},
            return_when=asyncio.FIRST_COMPLETED,
            timeout=SOON,
        )
        assert {each.result() for each in done} == {StatusCode.PERMISSION_DENIED}
        opened.cancel()
        later.cancel()
