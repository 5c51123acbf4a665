"""Attaching in one call: what a dial says, and the client's stream 0 with it."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from grpc import StatusCode, aio

from jumplab.protocol.v1 import controller_pb2, router_pb2
from jumplab.protocol.v1.controller_pb2_grpc import ControllerServiceStub
from jumplab.protocol.v1.router_pb2_grpc import RouterServiceStub
from jumplab.transport.attach_call import dial_stream
from jumplab.transport.channel import open_channel
from jumplab.transport.endpoint import Identity, bearer
from jumplab.transport.errors import Refused, TransportError, Unreachable
from jumplab.transport.links import EnvelopeKind
from jumplab.transport.routed import STREAM_NUMBER, RoutedStream
from jumplab_operator.controller.lab import Assignment
from jumplab_operator.names import Name
from tests.controller.lab import NAMESPACE
from tests.controller.world import Controller
from tests.exporter.waiting import until

SOON = 30
"""Seconds; a bound that only a hang reaches."""

Attached = tuple[controller_pb2.DialResponse, RoutedStream]


@asynccontextmanager
async def attached(
    controller: Controller, token: str, lease: str, machine: str = "", uid: str = ""
) -> AsyncIterator[Attached]:
    """A client's call, as far as the controller's answer."""
    request = controller_pb2.DialRequest(lease_name=lease, lease_uid=uid, machine=machine)
    identity = Identity(NAMESPACE, "Client", "ci", token)
    async with open_channel(controller.endpoint, identity=identity) as channel:
        answer, stream = await dial_stream(channel, controller.endpoint, request, SOON)
        yield answer, stream
        await stream.aclose()


@asynccontextmanager
async def exporter_of(controller: Controller, token: str, **place: str) -> AsyncIterator[Any]:
    """What the controller tells the exporter, from its second word on."""
    identity = Identity(NAMESPACE, "Exporter", "bench", token)
    async with open_channel(controller.endpoint, identity=identity) as channel:
        call: Any = ControllerServiceStub(channel).Status(controller_pb2.StatusRequest(**place))
        await asyncio.wait_for(call.read(), SOON)
        yield call
        call.cancel()


def accepted(channel: aio.Channel, offer: controller_pb2.RouterOffer, number: int) -> Any:
    """The exporter's end of a stream that it was offered."""
    return RouterServiceStub(channel).Stream(metadata=(*bearer(offer.router_token), (STREAM_NUMBER, str(number))))


async def test_a_client_s_first_stream_comes_with_the_answer_and_others_with_its_token(controller: Controller) -> None:
    exporter_token, client_token = controller.lab.add_exporter("bench"), controller.lab.add_client("ci")
    lease = controller.lab.add_ready_lease("demo", "ci", "bench")
    await controller.lab.assign("bench", Assignment(Name(NAMESPACE, "demo"), lease.uid, "ci", {}, None))
    async with (
        exporter_of(controller, exporter_token) as told,
        attached(controller, client_token, "demo") as (answer, session),
        open_channel(controller.endpoint) as channel,
    ):
        assert (answer.router_endpoint, answer.exporter_name) == ("router.example:443", "bench")
        await session.send(b"hello")
        offer = (await asyncio.wait_for(told.read(), SOON)).offers[0]
        there = accepted(channel, offer, 0)
        assert (await asyncio.wait_for(there.read(), SOON)).payload == b"hello"
        await there.write(router_pb2.StreamResponse(payload=b"welcome"))
        assert await asyncio.wait_for(session.receive(), SOON) == (EnvelopeKind.DATA, b"welcome")

        second, second_there = (
            accepted(channel, offer, 1),
            RouterServiceStub(channel).Stream(metadata=(*bearer(answer.router_token), (STREAM_NUMBER, "1"))),
        )
        await second.write(router_pb2.StreamRequest(payload=b"bytes"))
        assert (await asyncio.wait_for(second_there.read(), SOON)).payload == b"bytes"
        for call in (there, second, second_there):
            call.cancel()


async def test_a_first_stream_can_t_be_opened_again_with_the_token_of_the_answer(controller: Controller) -> None:
    controller.lab.add_exporter("bench")
    client_token = controller.lab.add_client("ci")
    controller.lab.add_ready_lease("demo", "ci", "bench")
    async with (
        attached(controller, client_token, "demo") as (answer, _),
        open_channel(controller.endpoint) as channel,
    ):
        again = RouterServiceStub(channel).Stream(metadata=bearer(answer.router_token))
        assert await asyncio.wait_for(again.code(), SOON) is StatusCode.PERMISSION_DENIED


async def test_the_end_of_the_lease_cuts_a_stream_that_came_with_the_answer(controller: Controller) -> None:
    controller.lab.add_exporter("bench")
    client_token = controller.lab.add_client("ci")
    lease = controller.lab.add_ready_lease("demo", "ci", "bench")
    async with attached(controller, client_token, "demo") as (_, session):
        controller.router.cut(lease.uid)
        with pytest.raises(Refused, match="has ended"):
            await asyncio.wait_for(session.receive(), SOON)


async def test_on_the_exporter_s_machine_the_answer_is_its_socket_and_nothing_waits_at_the_router(
    controller: Controller,
) -> None:
    exporter_token, client_token = controller.lab.add_exporter("bench"), controller.lab.add_client("ci")
    lease = controller.lab.add_ready_lease("demo", "ci", "bench")
    await controller.lab.assign("bench", Assignment(Name(NAMESPACE, "demo"), lease.uid, "ci", {}, None))
    async with (
        exporter_of(controller, exporter_token, machine="m-1", local_socket="/run/bench/session.sock") as told,
        attached(controller, client_token, "demo", machine="m-1") as (answer, session),
    ):
        assert answer.local_socket == "/run/bench/session.sock"
        assert list((await asyncio.wait_for(told.read(), SOON)).local_tokens)
        with pytest.raises(TransportError):
            await asyncio.wait_for(session.receive(), SOON)


@pytest.mark.parametrize(
    ("lease", "code", "words"),
    [
        ("theirs", "PERMISSION_DENIED", 'belongs to client "boss"'),
        ("nowhere", "NOT_FOUND", 'no lease "nowhere"'),
        ("ended", "FAILED_PRECONDITION", "has ended"),
    ],
)
async def test_what_can_t_be_dialled_can_t_be_attached_to(
    lease: str, code: str, words: str, controller: Controller
) -> None:
    controller.lab.add_exporter("bench")
    token = controller.lab.add_client("ci")
    controller.lab.add_ready_lease("theirs", "boss", "bench")
    controller.lab.add_lease("ended", {"clientRef": {"name": "ci"}}, {"ended": True})
    with pytest.raises(Refused, match=words) as caught:
        async with attached(controller, token, lease):
            pass
    assert caught.value.code == code


async def test_a_lease_that_was_replaced_can_t_be_attached_to_by_its_uid(controller: Controller) -> None:
    controller.lab.add_exporter("bench")
    token = controller.lab.add_client("ci")
    controller.lab.add_ready_lease("demo", "ci", "bench")
    with pytest.raises(Refused, match='lease "demo" was replaced by a new one'):
        async with attached(controller, token, "demo", uid="that-of-the-old-one"):
            pass


async def test_an_exporter_that_is_away_is_no_refusal(controller: Controller) -> None:
    controller.lab.add_exporter("bench", online=False)
    token = controller.lab.add_client("ci")
    controller.lab.add_ready_lease("demo", "ci", "bench")
    with pytest.raises(Unreachable, match="is offline"):
        async with attached(controller, token, "demo"):
            pass


async def test_who_is_not_known_attaches_to_nothing(controller: Controller) -> None:
    controller.lab.add_exporter("bench")
    controller.lab.add_client("ci")
    controller.lab.add_ready_lease("demo", "ci", "bench")
    with pytest.raises(Refused) as caught:
        async with attached(controller, "no token", "demo"):
            pass
    assert caught.value.code == "UNAUTHENTICATED"


@pytest.mark.parametrize("said", [(), (("x-jumplab-dial-bin", b"\xff\xff no message"),)])
async def test_a_call_that_does_not_say_which_lease_is_refused(
    said: tuple[tuple[str, bytes], ...], controller: Controller
) -> None:
    token = controller.lab.add_client("ci")
    async with open_channel(controller.endpoint, identity=Identity(NAMESPACE, "Client", "ci", token)) as channel:
        call = channel.stream_stream("/jumplab.v1.SessionService/Attach")(metadata=said)
        assert await asyncio.wait_for(call.code(), SOON) is StatusCode.INVALID_ARGUMENT
        assert "name the lease" in (await call.details() or "")


@pytest.mark.parametrize("method", ["SessionService/Attach", "RouterService/Stream"])
async def test_a_client_that_leaves_as_its_stream_ends_is_no_failure(
    controller: Controller, method: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    controller.lab.add_exporter("bench")
    client_token = controller.lab.add_client("ci")
    controller.lab.add_ready_lease("demo", "ci", "bench")
    served = asyncio.Event()

    async def serve(*_: object, **__: object) -> None:
        served.set()
        raise aio.InternalError("Failed execute_batch")  # gRPC does so where it can't send the end of a call

    async with (
        attached(controller, client_token, "demo") as (answer, _),
        open_channel(controller.endpoint) as channel,
    ):
        monkeypatch.setattr(controller.router, "serve", serve)
        before = asyncio.all_tasks()
        if method.startswith("Session"):
            leaving = asyncio.create_task(attached(controller, client_token, "demo").__aenter__())
        else:
            token = bearer(answer.router_token)
            leaving = RouterServiceStub(channel).Stream(metadata=(*token, (STREAM_NUMBER, "1")))
        await asyncio.wait_for(served.wait(), SOON)
        await until(lambda: not any(method in task.get_name() for task in asyncio.all_tasks() - before))
        leaving.cancel()
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING] == []
