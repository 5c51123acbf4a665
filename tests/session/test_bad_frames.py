"""A peer that does not keep to the protocol: its session ends with a sentence, and nobody else's."""

import asyncio
import contextlib
from abc import abstractmethod
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import psutil
import pytest

from jumplab.driver import Driver, DriverInterface
from jumplab.protocol.v1.session_pb2 import (
    Call,
    CallCancel,
    CallResult,
    CallTaken,
    Frame,
    Frames,
    Goodbye,
    Hello,
    Leave,
    Reopen,
    Welcome,
)
from jumplab.session.client import Session, attach
from jumplab.session.frames import FRAME_BYTES, MAGIC
from jumplab.session.host import SessionHost
from jumplab.session.host.running import CALLS_AT_ONCE
from jumplab.transport.errors import TransportError
from jumplab.transport.links import ENVELOPE_BYTES, EnvelopeKind, EnvelopeStream, Link
from jumplab.transport.memory import memory_links
from jumplab.transport.routed import RoutedLink
from jumplab_operator.router.tokens import Role
from tests.driver.boards import Meter
from tests.session.links import EVERYTHING, hosted
from tests.worlds.relay import Bench, grpc_done, served

BOUND_SECONDS = 240


class HoardInterface(DriverInterface):
    """Answers at length, or never."""

    @abstractmethod
    async def give(self, mib: int) -> str:
        """So much text."""

    @abstractmethod
    def drip(self) -> AsyncIterator[str]:
        """One item, and then nothing more."""

    @abstractmethod
    async def wait(self) -> None:
        """For ever."""


class Hoard(HoardInterface, Driver):
    def __init__(self) -> None:
        super().__init__()
        self.waiting = 0

    async def give(self, mib: int) -> str:
        return "x" * (mib << 20)

    async def drip(self) -> AsyncIterator[str]:
        yield "drop"
        await self.wait()

    async def wait(self) -> None:
        self.waiting += 1
        try:
            await asyncio.Event().wait()
        finally:
            self.waiting -= 1


@dataclass
class Intruder:
    """A client that says what it likes."""

    link: Link
    stream: EnvelopeStream
    hoard: str = ""

    async def say(self, *frames: Frame, received: int = 0) -> None:
        await self.raw(Frames(frames=frames, received=received).SerializeToString())

    async def raw(self, payload: bytes, kind: EnvelopeKind = EnvelopeKind.DATA) -> None:
        await self.stream.send(payload, kind)

    async def greet(self) -> None:
        """Says hello as everyone does, and hears the welcome."""
        await self.raw(MAGIC + Frames(frames=[Frame(hello=Hello(client="intruder", session="s"))]).SerializeToString())
        _, payload = await self.stream.receive()
        welcome = Frames.FromString(payload.removeprefix(MAGIC)).frames[0].welcome
        names = {report.labels["jumpstarter.dev/name"]: report.uuid for report in welcome.reports if report.labels}
        self.hoard = names["hoard"]

    def call(self, number: int, method: str, arguments: bytes = b"{}", **more: Any) -> Frame:
        call = Call(id=number, driver_uuid=self.hoard, method=method, arguments=arguments, **more)
        return Frame(call=call)

    async def hear(self) -> Sequence[Frame]:
        _, payload = await self.stream.receive()
        return Frames.FromString(payload).frames

    async def end(self) -> str:
        """What it is told at the end; empty where the connection is just lost. It lets go then, as everyone does."""
        try:
            async with asyncio.timeout(BOUND_SECONDS), contextlib.aclosing(self.stream):
                while True:
                    kind, payload = await self.stream.receive()
                    if kind is EnvelopeKind.RESET:
                        return payload.decode()
                    for frame in Frames.FromString(payload.removeprefix(MAGIC)).frames:
                        if frame.HasField("goodbye"):
                            return frame.goodbye.reason
        except TransportError:
            return ""


@dataclass
class Scene:
    """A host with a well-behaved client, and the way in for others."""

    host: SessionHost
    hoard: Hoard
    session: Session
    enter: Callable[[], Any]


@asynccontextmanager
async def in_memory(host: SessionHost, number: int) -> AsyncIterator[tuple[Link, Link]]:
    yield memory_links()


@asynccontextmanager
async def through_a_router(host: SessionHost, number: int) -> AsyncIterator[tuple[Link, Link]]:
    bench: Bench = host.bench  # type: ignore[attr-defined]
    client, exporter = (RoutedLink(bench.endpoint, bench.token(role, session=f"s{number}")) for role in Role)
    yield client, exporter


@pytest.fixture(params=["memory", "router"])
async def scene(request: pytest.FixtureRequest) -> AsyncIterator[Scene]:
    way = in_memory if request.param == "memory" else through_a_router
    hoard, bench, numbers = Hoard(), Bench(), iter(range(1000))
    async with served(bench), hosted(hoard=hoard, meter=Meter()) as host:
        host.bench = bench  # type: ignore[attr-defined]
        serving: list[asyncio.Task[None]] = []

        @asynccontextmanager
        async def link() -> AsyncIterator[Link]:
            async with way(host, next(numbers)) as (ours, theirs):
                serving.append(asyncio.create_task(host.serve(theirs)))
                try:
                    yield ours
                finally:
                    await ours.aclose()

        @asynccontextmanager
        async def enter() -> AsyncIterator[Intruder]:
            async with link() as ours:
                yield Intruder(ours, await ours.open(0))

        async with link() as ours, attach(ours, classes=EVERYTHING) as session:
            yield Scene(host, hoard, session, enter)
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)
    await grpc_done()


async def untouched(scene: Scene) -> None:
    """The other client's session goes on, and the offender's is gone with all that it had running."""
    assert await scene.session.root.meter.ping() == "pong"
    async with asyncio.timeout(BOUND_SECONDS):
        while scene.host.usage._connections > 1 or scene.hoard.waiting:  # noqa: ASYNC110 - only asking tells
            await asyncio.sleep(0.01)


FIRST_WORDS = {
    "no magic": (b"GET / HTTP/1.1\r\n\r\n", "does not speak Jumplab's session protocol"),
    "nothing": (b"", "does not speak Jumplab's session protocol"),
    "half the magic": (MAGIC[:4], "does not speak Jumplab's session protocol"),
    "no frames": (MAGIC, "did not say hello"),
    "garbage": (MAGIC + b"\xff\xff\xff\xff", "can't be read"),
    "a call": (MAGIC + Frames(frames=[Frame(call=Call(id=1))]).SerializeToString(), "did not say hello"),
    "a welcome": (MAGIC + Frames(frames=[Frame(welcome=Welcome())]).SerializeToString(), "did not say hello"),
    "two hellos": (MAGIC + Frames(frames=[Frame(hello=Hello())] * 2).SerializeToString(), "did not say hello"),
}


@pytest.mark.parametrize(("words", "sentence"), FIRST_WORDS.values(), ids=FIRST_WORDS)
async def test_who_begins_wrongly_is_told(scene: Scene, words: bytes, sentence: str) -> None:
    async with scene.enter() as intruder:
        await intruder.raw(words)
        assert sentence in await intruder.end()
        await untouched(scene)


HELLO = Frames(frames=[Frame(hello=Hello(session="s"))]).SerializeToString()
LATER_WORDS = {
    "cut short": (HELLO[:-1], "can't be read"),
    "garbage": (b"\xff" * 17, "can't be read"),
    "an empty frame": (Frames(frames=[Frame()]).SerializeToString(), "only an exporter sends: unknown"),
    "a second hello": (HELLO, "only an exporter sends: hello"),
    "an exporter's frame": (
        Frames(frames=[Frame(call_result=CallResult(id=1))]).SerializeToString(),
        "only an exporter sends: call_result",
    ),
    "an exporter's goodbye": (Frames(frames=[Frame(goodbye=Goodbye())]).SerializeToString(), "goodbye"),
    "an acknowledgement of what was never sent": (Frames(received=99).SerializeToString(), "acknowledged 99 frames"),
    "millions of empty frames": (b"\x0a\x00" * (3 << 20), "gathered 6291456 bytes of frames"),
    "more than a frame may have": (bytes(FRAME_BYTES + ENVELOPE_BYTES + 1), "at once"),
    "the magic again": (MAGIC + HELLO, "can't be read"),
}


@pytest.mark.parametrize(("words", "sentence"), LATER_WORDS.values(), ids=LATER_WORDS)
async def test_who_goes_on_wrongly_is_told_and_what_it_had_running_is_cancelled(
    scene: Scene, words: bytes, sentence: str
) -> None:
    async with scene.enter() as intruder:
        await intruder.greet()
        await intruder.say(intruder.call(1, "wait"))
        await intruder.raw(words)
        assert sentence in await intruder.end()
        await untouched(scene)


@pytest.mark.parametrize("number", [0, 1, 2])
async def test_a_call_id_is_used_once_and_counts_up(scene: Scene, number: int) -> None:
    async with scene.enter() as intruder:
        await intruder.greet()
        await intruder.say(intruder.call(2, "wait"), intruder.call(number, "wait"))
        assert f"used the call id {number} after 2" in await intruder.end()
        await untouched(scene)


async def test_an_envelope_of_byte_streams_where_frames_are_to_come(scene: Scene) -> None:
    async with scene.enter() as intruder:
        await intruder.greet()
        await intruder.raw(b"", EnvelopeKind.ACK)
        assert "sent ACK where frames are to come" in await intruder.end()
        await untouched(scene)


async def test_ids_that_were_never_opened_change_nothing(scene: Scene) -> None:
    async with scene.enter() as intruder:
        await intruder.greet()
        await intruder.say(Frame(call_cancel=CallCancel(id=77)), Frame(reopen=Reopen(id=78, stream=5)))
        await intruder.say(Frame(call_taken=CallTaken(id=79, bytes=1 << 63)))
        await intruder.say(intruder.call(1, "give", b'{"mib": 0}'))
        while True:
            if any(frame.call_result.value == b'""' for frame in await intruder.hear()):
                break
        await intruder.say(Frame(leave=Leave()))
        await untouched(scene)


@pytest.mark.parametrize("window_bytes", [0, 1, (1 << 64) - 1])
async def test_items_that_were_never_sent_are_not_taken(scene: Scene, window_bytes: int) -> None:
    async with scene.enter() as intruder:
        await intruder.greet()
        await intruder.say(intruder.call(1, "drip", window_bytes=window_bytes))
        while not any(frame.HasField("call_item") for frame in await intruder.hear()):
            pass
        await intruder.say(Frame(call_taken=CallTaken(id=1, bytes=1000)))
        assert "took 1000 bytes of items; 70 were sent" in await intruder.end()
        await untouched(scene)


async def test_more_calls_at_once_than_a_client_may_have(scene: Scene) -> None:
    async with scene.enter() as intruder:
        await intruder.greet()
        for first in range(1, CALLS_AT_ONCE + 2, 64):
            await intruder.say(*(intruder.call(number, "wait") for number in range(first, first + 64)))
        assert f"{CALLS_AT_ONCE} calls running at once" in await intruder.end()
        await untouched(scene)


async def test_more_arguments_than_a_client_may_have_on_their_way(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jumplab.session.host.running.ARGUMENTS_BYTES", 10_000)
    async with scene.enter() as intruder:
        await intruder.greet()
        padded = b"{" + b" " * 4000 + b"}"
        await intruder.say(*(intruder.call(number, "wait", padded) for number in (1, 2, 3)))
        assert "arguments of the client's calls have more than 10000 bytes" in await intruder.end()
        await untouched(scene)


async def test_a_client_that_never_reads_its_results_costs_a_bounded_amount(scene: Scene) -> None:
    async with scene.enter() as intruder:
        await intruder.greet()
        process = psutil.Process()
        before = process.memory_info().rss
        for number in range(1, 101):
            await intruder.say(intruder.call(number, "give", b'{"mib": 4}'))
        assert await scene.session.root.meter.ping() == "pong"
        grown_mib = (process.memory_info().rss - before) >> 20
        assert grown_mib < 250  # of 400 that it asked for
        assert await scene.session.root.meter.ping() == "pong"
    await untouched(scene)


async def test_clients_that_vanish_make_room_for_others(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jumplab.session.host.host._CLIENTS_AT_ONCE", 2)
    async with scene.enter() as first:
        await first.greet()
        async with scene.enter() as refused:
            await refused.raw(MAGIC + Frames(frames=[Frame(hello=Hello(session="other"))]).SerializeToString())
            assert "2 clients are attached" in await refused.end()
    await untouched(scene)
    async with scene.enter() as second:
        await second.raw(MAGIC + Frames(frames=[Frame(hello=Hello(session="other"))]).SerializeToString())
        _, payload = await second.stream.receive()
        assert Frames.FromString(payload.removeprefix(MAGIC)).frames[0].HasField("welcome")
