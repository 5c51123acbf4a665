"""Peers that do what they like at a real router and exporter: they are told, and everybody else works on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import psutil
import pytest
from grpc import aio

import jumplab
from jumplab.client.controller import Controller, Route
from jumplab.driver import AsyncDriverClient
from jumplab.protocol.v1.router_pb2 import FRAME_TYPE_DATA, StreamRequest
from jumplab.protocol.v1.session_pb2 import Call, Frame, Frames, Goodbye, Hello, Leave, Reopen
from jumplab.session.frames import MAGIC
from jumplab.transport.channel import open_channel
from tests.doors.http_noise import changed
from tests.doors.sent import check_log
from tests.lab.lab import Lab
from tests.worlds.relay import METHOD, ending, grpc_done

HELLO = MAGIC + Frames(frames=[Frame(hello=Hello(session="intruder"))]).SerializeToString()
SENTENCES = (b"does not speak Jumplab", b"can't be read", b"only an exporter sends")
BOUND_SECONDS = 240
GROWTH_MIB = 200


@pytest.fixture(autouse=True)
def routed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUMPLAB_ALWAYS_ROUTE", "1")


@pytest.fixture
def bench(one_machine_lab: Lab) -> Any:
    """A lease that is worked on, and the name of its exporter."""
    lab = one_machine_lab
    if "bench-frames" not in lab.exporters:
        lab.exporter("bench-frames")
        lab.lease("frames", board="bench-frames", duration="30m")
        lab.until_ready("frames")
    return lab


@asynccontextmanager
async def at_work(lab: Lab) -> AsyncIterator[tuple[AsyncDriverClient, Callable[[], Awaitable[Route]]]]:
    """A well-behaved client, and further ways to its exporter; at the end it must still work, and nobody be bloated."""
    processes = [psutil.Process(lab.home.process.pid), psutil.Process(lab.exporters["bench-frames"].pid)]
    async with (
        Controller.connected(lab.config) as controller,
        jumplab.attach("frames", client=lab.config) as root,
    ):
        await root.board.power.on()
        before = [process.memory_info().rss for process in processes]
        yield root, lambda: controller.dial("frames")
        async with asyncio.timeout(BOUND_SECONDS):
            assert await root.board.power.is_on()
            await root.board.console.send("\n")
            await root.board.console.expect("=> ")
        grown = [(process.memory_info().rss - was) >> 20 for process, was in zip(processes, before, strict=True)]
        assert max(grown) < GROWTH_MIB, f"control plane and exporter have grown by {grown} MiB"
    await grpc_done()
    for process in (lab.home.process, lab.exporters["bench-frames"]):
        check_log(process.output())


def streams_of(route: Route) -> aio.Channel:
    return open_channel(route.endpoint, token=route.token, own_connection=True)


def opened(channel: aio.Channel, number: int = 0) -> Any:
    return channel.stream_stream(METHOD)(metadata=(("x-jumplab-stream", str(number)),), timeout=BOUND_SECONDS)


async def said(call: Any, payload: bytes) -> None:
    await call.write(StreamRequest(payload=payload, frame_type=FRAME_TYPE_DATA).SerializeToString())


NOISE = {
    "no magic": [b"GET / HTTP/1.1\r\n\r\n"],
    "noise after the magic": [MAGIC + b"\xff" * 1000],
    "noise after hello": [HELLO, b"\xff" * 1000],
    "an exporter's frame": [HELLO, Frames(frames=[Frame(goodbye=Goodbye())]).SerializeToString()],
}


@pytest.mark.parametrize("payloads", NOISE.values(), ids=NOISE)
async def test_who_does_not_speak_the_protocol_is_told_so_and_hung_up_on(bench: Lab, payloads: list[bytes]) -> None:
    async with at_work(bench) as (_, dial):
        for _ in range(5):
            async with streams_of(await dial()) as channel, asyncio.timeout(BOUND_SECONDS / 3):
                call = opened(channel)
                for payload in payloads:
                    await said(call, payload)
                words = await heard(call)
                assert any(each in words for each in SENTENCES), words
                assert (await call.code()).name == "UNAVAILABLE"


CALLS = [
    Frame(call=Call(id=1, driver_uuid="none", method="on", arguments=b"{}")),
    Frame(leave=Leave()),
    Frame(reopen=Reopen(id=1)),
]


@pytest.mark.nightly
async def test_damaged_frames_are_told_and_leave_no_traceback(bench: Lab) -> None:
    """Each is heard to its end: by a refusal, or by the end of a session that has left."""
    whole = Frames(frames=CALLS).SerializeToString()
    async with at_work(bench) as (_, dial):
        for payload in changed(whole, 25, 1):
            async with streams_of(await dial()) as channel, asyncio.timeout(BOUND_SECONDS / 3):
                call = opened(channel)
                for each in (HELLO, payload, b"\xff"):  # the last one ends what has not ended
                    with suppress(aio.AioRpcError, asyncio.InvalidStateError):
                        await said(call, each)
                await heard(call)


async def heard(call: Any) -> bytes:
    """Everything that is said until the stream's end."""
    words = b""
    with suppress(aio.AioRpcError):
        while (word := await call.read()) is not aio.EOF:
            words += word
    return words


async def test_a_message_that_no_router_takes_ends_its_own_stream(bench: Lab) -> None:
    async with at_work(bench) as (_, dial), streams_of(await dial()) as channel:
        call = channel.stream_stream(METHOD)(metadata=(("x-jumplab-stream", "0"),), timeout=BOUND_SECONDS)
        with suppress(aio.AioRpcError, asyncio.InvalidStateError):
            await call.write(bytes(17 << 20))
        await ending(call)
        assert call.done()


async def test_a_thousand_streams_opened_at_once_are_refused_beyond_a_bound(bench: Lab) -> None:
    async with at_work(bench) as (root, dial), streams_of(await dial()) as channel:
        calls = [opened(channel, number) for number in range(1, 1001)]
        endings = [asyncio.create_task(ending(call)) for call in calls]
        async with asyncio.timeout(BOUND_SECONDS):
            while sum(task.done() for task in endings) < 900:
                assert await root.board.power.is_on()
        refusals = {task.result()[0].name for task in endings if task.done()}
        assert refusals == {"RESOURCE_EXHAUSTED"}
        for call in calls:
            call.cancel()
        await asyncio.gather(*endings, return_exceptions=True)


async def test_a_token_opens_the_streams_of_its_own_session_alone(bench: Lab) -> None:
    """Whatever number is asked for: the token names the session, and nobody else's streams are in it."""
    async with at_work(bench) as (_, dial):
        first, second = await dial(), await dial()
        async with streams_of(first) as one, streams_of(second) as other:
            await said(opened(one), HELLO)
            again = opened(one)
            code, sentence = await ending(again)
            assert (code.name, "has already opened stream 0" in sentence) == ("PERMISSION_DENIED", True)
            alone = opened(other, 1)
            await said(alone, b"for whoever listens")
            assert not alone.done()


async def test_a_peer_that_never_reads_costs_a_bounded_amount(bench: Lab) -> None:
    async with at_work(bench) as (root, dial), streams_of(await dial()) as channel:
        call = opened(channel)
        await said(call, HELLO)
        for _ in range(200):
            assert await root.board.power.is_on()
        call.cancel()
