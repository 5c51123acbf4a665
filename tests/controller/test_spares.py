"""What an exporter opens ahead: the next client is joined to it at once, and nobody else ever is."""

import asyncio
from typing import Any

import pytest
from grpc import StatusCode, aio

from jumplab.protocol.v1 import controller_pb2, router_pb2
from jumplab.protocol.v1.router_pb2_grpc import RouterServiceStub
from jumplab.transport.attach_call import await_stream
from jumplab.transport.channel import open_channel
from jumplab.transport.endpoint import Identity, bearer
from jumplab.transport.errors import NotPossibleNow, Refused, TransportError
from jumplab.transport.links import EnvelopeKind
from jumplab.transport.routed import STREAM_NUMBER, RoutedStream
from jumplab_operator.controller.lab import Assignment
from jumplab_operator.names import Name
from jumplab_operator.resources import Lease
from tests.controller.lab import NAMESPACE
from tests.controller.test_attaching import SOON, accepted, attached, exporter_of
from tests.controller.world import Controller

Ahead = asyncio.Task[tuple[controller_pb2.RouterOffer, RoutedStream]]


class Bench:
    """An exporter that is leased by `ci`, and whoever calls with its token."""

    def __init__(self, controller: Controller, channel: aio.Channel, lease: Lease, client_token: str) -> None:
        self.controller = controller
        self.channel = channel
        self.lease = lease
        self.client_token = client_token

    def ahead(self, lease_uid: str | None = None) -> Ahead:
        """Waits for the next client of the lease."""
        uid = self.lease.uid if lease_uid is None else lease_uid
        return asyncio.create_task(await_stream(self.channel, self.controller.endpoint, uid))

    async def waiting(self) -> Ahead:
        """The same, once it is known to the controller."""
        ahead, standby_streams = self.ahead(), self.controller.dialler.standby_streams
        before = standby_streams._standby_streams.get(self.uid)
        async with asyncio.timeout(SOON):
            while standby_streams._standby_streams.get(self.uid) in (None, before):  # noqa: ASYNC110 - nobody is told
                await asyncio.sleep(0.01)
        return ahead

    @property
    def uid(self) -> str:
        return self.controller.lab.exporters_[Name(NAMESPACE, "bench")].uid


@pytest.fixture
async def bench(controller: Controller) -> Any:
    lab = controller.lab
    exporter_token, client_token = lab.add_exporter("bench"), lab.add_client("ci")
    lease = lab.add_ready_lease("demo", "ci", "bench")
    lab.claim("bench", lease)
    identity = Identity(NAMESPACE, "Exporter", "bench", exporter_token)
    async with open_channel(controller.endpoint, identity=identity) as channel:
        yield Bench(controller, channel, lease, client_token)


async def test_a_client_is_joined_to_what_the_exporter_has_opened_ahead(bench: Bench) -> None:
    ahead = await bench.waiting()
    async with (
        attached(bench.controller, bench.client_token, "demo") as (answer, session),
        open_channel(bench.controller.endpoint) as channel,
    ):
        offer, there = await asyncio.wait_for(ahead, SOON)
        assert offer.router_endpoint == answer.router_endpoint
        await session.send(b"hello")
        assert await asyncio.wait_for(there.receive(), SOON) == (EnvelopeKind.DATA, b"hello")
        await there.send(b"welcome")
        assert await asyncio.wait_for(session.receive(), SOON) == (EnvelopeKind.DATA, b"welcome")

        second = accepted(channel, offer, 1)
        await second.write(router_pb2.StreamRequest(payload=b"bytes"))
        metadata = (*bearer(answer.router_token), (STREAM_NUMBER, "1"))
        second_there: Any = RouterServiceStub(channel).Stream(metadata=metadata)
        assert (await asyncio.wait_for(second_there.read(), SOON)).payload == b"bytes"
        again = accepted(channel, offer, 0)
        assert await asyncio.wait_for(again.code(), SOON) is StatusCode.PERMISSION_DENIED


async def test_of_two_clients_at_once_the_second_is_offered(bench: Bench) -> None:
    lab, token = bench.controller.lab, bench.controller.lab.secrets["Exporter", Name(NAMESPACE, "bench")]
    await lab.assign("bench", Assignment(Name(NAMESPACE, "demo"), bench.lease.uid, "ci", {}, None))
    ahead = await bench.waiting()
    async with (
        exporter_of(bench.controller, token) as told,
        attached(bench.controller, bench.client_token, "demo"),
        attached(bench.controller, bench.client_token, "demo"),
    ):
        offers = (await asyncio.wait_for(told.read(), SOON)).offers
        offer, _ = await asyncio.wait_for(ahead, SOON)
        assert len(offers) == 2
        assert offers[0].router_token == offer.router_token, "should its connection be lost, it hears of it here"


async def test_the_end_of_the_lease_ends_what_waits_and_what_was_joined(bench: Bench) -> None:
    ahead = await bench.waiting()
    async with attached(bench.controller, bench.client_token, "demo"):
        _, there = await asyncio.wait_for(ahead, SOON)
        waiting = await bench.waiting()
        bench.controller.router.cut(bench.lease.uid)
        bench.controller.dialler.standby_streams.end(bench.lease.uid)
        with pytest.raises(Refused, match="has ended"):
            await asyncio.wait_for(there.receive(), SOON)
        with pytest.raises(NotPossibleNow, match="lease has ended"):
            await asyncio.wait_for(waiting, SOON)


async def test_the_newest_takes_the_place_of_the_one_before(bench: Bench) -> None:
    first = await bench.waiting()
    second = await bench.waiting()
    with pytest.raises(NotPossibleNow):
        await asyncio.wait_for(first, SOON)
    async with attached(bench.controller, bench.client_token, "demo"):
        await asyncio.wait_for(second, SOON)


async def test_one_that_was_let_go_of_is_not_joined(bench: Bench) -> None:
    lab, token = bench.controller.lab, bench.controller.lab.secrets["Exporter", Name(NAMESPACE, "bench")]
    await lab.assign("bench", Assignment(Name(NAMESPACE, "demo"), bench.lease.uid, "ci", {}, None))
    ahead = await bench.waiting()
    ahead.cancel()
    async with asyncio.timeout(SOON):
        while bench.controller.dialler.standby_streams._standby_streams:  # noqa: ASYNC110 - nobody is told
            await asyncio.sleep(0.01)
    async with exporter_of(bench.controller, token) as told, attached(bench.controller, bench.client_token, "demo"):
        assert len((await asyncio.wait_for(told.read(), SOON)).offers) == 1


async def test_what_waits_for_one_lease_is_not_joined_to_a_client_of_another(bench: Bench) -> None:
    ahead = await bench.waiting()
    bench.controller.lab.add_ready_lease("next", "ci", "bench")
    async with attached(bench.controller, bench.client_token, "next"):
        assert not ahead.done()
    ahead.cancel()


@pytest.mark.parametrize("uid", ["", "of another lease"])
async def test_an_exporter_waits_for_clients_of_its_own_lease_only(uid: str, bench: Bench) -> None:
    with pytest.raises(NotPossibleNow, match="is not leased by"):
        await asyncio.wait_for(bench.ahead(uid), SOON)


async def test_a_client_can_t_wait_in_an_exporter_s_place(bench: Bench) -> None:
    identity = Identity(NAMESPACE, "Client", "ci", bench.client_token)
    async with open_channel(bench.controller.endpoint, identity=identity) as channel:
        with pytest.raises(TransportError, match="only exporters may"):
            await asyncio.wait_for(await_stream(channel, bench.controller.endpoint, bench.lease.uid), SOON)
