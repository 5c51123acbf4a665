"""Byte streams that travel among the session's frames, until they carry more than a little."""

import asyncio
import json
import os
import struct
from abc import abstractmethod
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from jumplab.driver import ByteStream, Driver, DriverInterface, errors, stream
from jumplab.protocol.v1.session_pb2 import Call, Frame, Frames, Hello, Reopen, StreamEnvelope
from jumplab.session.carried import CARRIED_BYTES
from jumplab.session.channel import FrameChannel
from jumplab.session.client import Reconnecting, Session, attach
from jumplab.session.frames import MAGIC, _decoded
from jumplab.session.host import SessionHost
from jumplab.transport.links import ENVELOPE_BYTES, EnvelopeKind, EnvelopeStream, Link
from tests.session.links import EVERYTHING, hosted, linked
from tests.session.test_resuming import network

SOON = 40
"""Seconds; a bound that only a hang reaches."""


class PressInterface(DriverInterface):
    """A machine with byte streams of each kind."""

    @abstractmethod
    async def press(self) -> int:
        """Presses once, when it is allowed to."""

    @abstractmethod
    @stream
    async def mirror(self, stream: ByteStream) -> int:
        """Sends back what comes, until it ends."""

    @abstractmethod
    @stream
    async def shout(self, stream: ByteStream) -> None:
        """Says much at once."""

    @abstractmethod
    @stream
    async def jam(self, stream: ByteStream) -> None:
        """Fails at the first byte."""

    @abstractmethod
    @stream
    async def hold(self, stream: ByteStream) -> None:
        """Takes nothing and says nothing."""


class Press(PressInterface, Driver):
    SHOUTED = 1 << 20

    def __init__(self) -> None:
        super().__init__()
        self.entered = asyncio.Event()
        self.done = asyncio.Event()
        self.allowed = asyncio.Semaphore(0)

    async def press(self) -> int:
        await self.allowed.acquire()
        return 1

    async def mirror(self, stream: ByteStream) -> int:
        came = 0
        while data := await stream.receive():
            came += len(data)
            await stream.send(data)
        return came

    async def shout(self, stream: ByteStream) -> None:
        await stream.send(bytes(self.SHOUTED))
        await stream.receive()

    async def jam(self, stream: ByteStream) -> None:
        await stream.receive()
        raise RuntimeError("jammed")

    async def hold(self, stream: ByteStream) -> None:
        self.entered.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.done.set()


class Counted:
    """A link that tells which streams were opened on it."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self.opened: list[int] = []

    async def open(self, number: int, *, bulk: bool = False) -> EnvelopeStream:
        self.opened.append(number)
        return await self._link.open(number, bulk=bulk)

    async def aclose(self) -> None:
        await self._link.aclose()


@asynccontextmanager
async def mirrored(host: SessionHost) -> AsyncIterator[tuple[Session, Counted]]:
    async with linked(host) as link:
        counted = Counted(link)
        async with attach(counted, classes=EVERYTHING) as session:
            yield session, counted


async def everything(stream: ByteStream, size_bytes: int) -> bytes:
    """So many bytes of a stream."""
    came = b""
    while len(came) < size_bytes:
        came += await stream.receive()
    return came


async def test_a_small_stream_opens_nothing_and_has_all_that_streams_have() -> None:
    async with hosted(press=Press()) as host, mirrored(host) as (session, link), asyncio.timeout(SOON):
        for _ in range(3):
            async with session.root.press.open("mirror") as stream:
                await stream.send(b"there and ")
                await stream.send(b"back")
                assert await everything(stream, 14) == b"there and back"
                await stream.send_end()
                assert await stream.receive() == b""
                assert json.loads(await stream.result()) == 14
        assert link.opened == [0]


async def test_a_stream_that_carries_more_gets_a_number_and_loses_nothing() -> None:
    data = os.urandom(4 * CARRIED_BYTES)
    async with hosted(press=Press()) as host, mirrored(host) as (session, link), asyncio.timeout(SOON):
        came = b""
        async with session.root.press.open("mirror") as stream:
            for start in range(0, len(data), 1000):
                await stream.send(data[start : start + 1000])
                came += await stream.receive()
            await stream.send_end()
            while more := await stream.receive():
                came += more
            assert json.loads(await stream.result()) == len(data)
        assert came == data
        assert link.opened == [0, link.opened[-1]]
        assert link.opened[-1] > 0


async def test_small_streams_that_are_left_at_once_leave_nothing_in_the_way() -> None:
    async with hosted(press=Press()) as host, mirrored(host) as (session, _), asyncio.timeout(SOON):
        for _ in range(200):
            async with session.root.press.open("mirror") as stream:
                await stream.send(b"x")
        press = session.root.press
        async with press.open("mirror") as stream:  # the exporter goes on as if nothing had been
            await stream.send(b"still")
            assert await stream.receive() == b"still"


async def test_a_small_stream_goes_on_under_a_number_after_its_connection_was_lost() -> None:
    async with (
        network(press=Press()) as net,
        net.attached() as session,
        asyncio.timeout(SOON),
        session.root.press.open("mirror") as stream,
    ):
        await stream.send(b"before ")
        assert await stream.receive() == b"before "
        await net.cut()
        await stream.send(b"after")
        assert await stream.receive() == b"after"
        await stream.send_end()
        assert json.loads(await stream.result()) == len(b"before after")


class HeldLink:
    """A link on which streams with a number are not opened before `go`; `asked` is set when one is to be."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self.asked = asyncio.Event()
        self.go = asyncio.Event()

    async def open(self, number: int, *, bulk: bool = False) -> EnvelopeStream:
        if number:
            self.asked.set()
            await self.go.wait()
        return await self._link.open(number, bulk=bulk)

    async def aclose(self) -> None:
        await self._link.aclose()


async def test_a_connection_that_is_lost_while_a_stream_moves_costs_no_byte() -> None:
    data = os.urandom(3 * CARRIED_BYTES)
    async with network(press=Press()) as net, asyncio.timeout(SOON):
        held = HeldLink(await net.dial())
        again = Reconnecting(net.dial)
        async with (
            attach(held, classes=EVERYTHING, reconnecting=again) as session,
            session.root.press.open("mirror") as stream,
        ):
            await stream.send(data)
            await held.asked.wait()
            await net.cut()
            held.go.set()
            assert await everything(stream, len(data)) == data
            await stream.send_end()
            assert json.loads(await stream.result()) == len(data)


async def test_who_leaves_while_a_stream_moves_lets_go_of_it_at_the_driver() -> None:
    press = Press()
    async with hosted(press=press) as host, linked(host) as link, asyncio.timeout(SOON):
        held = HeldLink(link)
        async with attach(held, classes=EVERYTHING) as session:
            async with session.root.press.open("hold") as stream:
                await press.entered.wait()
                await stream.send(bytes(2 * CARRIED_BYTES))
                await held.asked.wait()
            await press.done.wait()


async def test_a_driver_that_fails_resets_its_small_stream_and_no_other() -> None:
    async with hosted(press=Press()) as host, mirrored(host) as (session, link), asyncio.timeout(SOON):
        async with session.root.press.open("mirror") as other:
            async with session.root.press.open("jam") as stream:
                await stream.send(b"x")
                with pytest.raises(errors.DriverError, match="jammed"):
                    await stream.receive()
            await other.send(b"still")
            assert await other.receive() == b"still"
        assert link.opened == [0]


async def test_the_end_of_the_session_ends_its_small_streams() -> None:
    async with (
        hosted(press=Press()) as host,
        mirrored(host) as (session, _),
        asyncio.timeout(SOON),
        session.root.press.open("mirror") as stream,
    ):
        await host.end("the lease has ended")
        with pytest.raises(errors.SessionEnded, match="the lease has ended"):
            await stream.receive()


async def test_a_small_stream_that_nobody_reads_holds_back_neither_calls_nor_other_streams() -> None:
    press = Press()
    async with (
        hosted(press=press) as host,
        mirrored(host) as (session, _),
        asyncio.timeout(SOON),
        session.root.press.open("mirror") as unread,
        session.root.press.open("mirror") as other,
    ):
        await unread.send(bytes(1 << 20))
        press.allowed.release()
        assert await session.root.press.press() == 1
        await other.send(b"still")
        assert await other.receive() == b"still"


async def test_an_exporter_sends_little_among_the_frames_to_a_client_that_does_not_move() -> None:
    press = Press()
    async with hosted(press=press) as host, spoken(host) as peer, asyncio.timeout(SOON):
        await peer.call(1, "shout", carried=True)
        await peer.until("call_opened")
        press.allowed.release()
        await peer.call(2, "press")
        await peer.until("call_result")
        assert len(peer.heard) <= 2 * CARRIED_BYTES
        await peer.say(Frame(reopen=Reopen(id=1, stream=1)))
        numbered = await peer.link.open(1)
        await numbered.send(struct.pack(">QQ", len(peer.heard), len(peer.heard)), EnvelopeKind.ACK)
        came = len(peer.heard)
        while came < Press.SHOUTED:
            kind, payload = await numbered.receive()
            came += len(payload) if kind is EnvelopeKind.DATA else 0
        assert came == Press.SHOUTED


async def test_an_exporter_that_does_not_carry_streams_is_not_asked_to() -> None:
    async with hosted(press=Press()) as host, asyncio.timeout(SOON):
        host._welcome.carries_streams = False
        async with mirrored(host) as (session, link), session.root.press.open("mirror") as stream:
            await stream.send(b"x")
            assert await stream.receive() == b"x"
            assert link.opened[0] == 0
            assert link.opened[1] > 0


class Peer:
    """A client that says what it likes.  heard: what came in envelopes among the frames."""

    def __init__(self, link: Link, stream: EnvelopeStream, uuid: str) -> None:
        self.link = link
        self.heard = b""
        self._stream = stream
        self._uuid = uuid
        self._frames: list[Frame] = []

    async def say(self, *frames: Frame) -> None:
        await self._stream.send(Frames(frames=frames).SerializeToString())

    async def call(self, number: int, method: str, *, stream: int = 0, carried: bool = False) -> None:
        call = Call(id=number, driver_uuid=self._uuid, method=method, arguments=b"{}", stream=stream, carried=carried)
        await self.say(Frame(call=call))

    async def until(self, kind: str) -> Frame:
        """The next frame of this kind."""
        while True:
            while self._frames:
                frame = self._frames.pop(0)
                if frame.WhichOneof("kind") == "stream_envelope" and frame.stream_envelope.kind == EnvelopeKind.DATA:
                    self.heard += frame.stream_envelope.payload
                if frame.WhichOneof("kind") == kind:
                    return frame
            _, payload = await self._stream.receive()
            self._frames = list(Frames.FromString(payload.removeprefix(MAGIC)).frames)


@asynccontextmanager
async def spoken(host: SessionHost) -> AsyncIterator[Peer]:
    """A client that has said hello."""
    async with linked(host) as link:
        stream = await link.open(0)
        await stream.send(MAGIC + Frames(frames=[Frame(hello=Hello(session="s"))]).SerializeToString())
        _, payload = await stream.receive()
        reports = Frames.FromString(payload.removeprefix(MAGIC)).frames[0].welcome.reports
        uuid = next(report.uuid for report in reports if report.labels["jumpstarter.dev/name"] == "press")
        yield Peer(link, stream, uuid)


MUCH = [StreamEnvelope(id=3, payload=bytes(CARRIED_BYTES))] * 5
EMPTY = [StreamEnvelope(id=3)] * (5 * CARRIED_BYTES // 16)


@pytest.mark.parametrize(
    ("envelopes", "sentence"),
    [
        ([StreamEnvelope(id=3, kind=5)], "an envelope of kind 5 with 0 bytes"),
        (
            [StreamEnvelope(id=3, payload=bytes(ENVELOPE_BYTES + 1))],
            f"an envelope of kind 0 with {ENVELOPE_BYTES + 1} ",
        ),
        ([StreamEnvelope(id=9, payload=b"never called")], "for call 9, which has none"),
        ([StreamEnvelope(id=0)], "for call 0, which has none"),
        ([StreamEnvelope(id=2, payload=b"it has a number")], "for call 2, which has none"),
        (MUCH, "goes on sending among the frames"),
        (EMPTY, "goes on sending among the frames"),
    ],
)
async def test_who_breaks_the_rules_of_small_streams_is_told_and_its_session_ends(
    envelopes: list[StreamEnvelope], sentence: str
) -> None:
    async with (
        hosted(press=Press()) as host,
        spoken(host) as peer,
        mirrored(host) as (other, _),
        asyncio.timeout(SOON),
        other.root.press.open("mirror") as stream,
    ):
        await peer.call(2, "hold", stream=1)
        await peer.call(3, "hold", carried=True)
        await peer.say(*(Frame(stream_envelope=each) for each in envelopes))
        assert sentence in (await peer.until("goodbye")).goodbye.reason
        await stream.send(b"still")
        assert await stream.receive() == b"still"


async def test_an_envelope_for_a_call_that_is_over_is_nothing() -> None:
    async with hosted(press=Press()) as host, spoken(host) as peer, asyncio.timeout(SOON):
        await peer.call(1, "jam", carried=True)
        await peer.say(Frame(stream_envelope=StreamEnvelope(id=1, payload=b"x")))
        await peer.until("call_result")
        await peer.say(Frame(stream_envelope=StreamEnvelope(id=1, payload=b"too late")))
        await peer.call(2, "mirror", carried=True)
        await peer.say(Frame(stream_envelope=StreamEnvelope(id=2, payload=b"there and back")))
        while not peer.heard:
            await peer.until("stream_envelope")
        assert peer.heard == b"there and back"


async def test_bytes_after_their_end_reset_the_small_stream() -> None:
    async with hosted(press=Press()) as host, spoken(host) as peer, asyncio.timeout(SOON):
        await peer.call(1, "hold", carried=True)
        said = StreamEnvelope(id=1, kind=EnvelopeKind.END), StreamEnvelope(id=1, payload=b"more")
        await peer.say(*(Frame(stream_envelope=each) for each in said))
        while (told := (await peer.until("stream_envelope")).stream_envelope).kind != EnvelopeKind.RESET:
            pass
        assert told.payload == b"the peer sent bytes after their end"


class Told:
    """What a channel sends."""

    piece_bytes = ENVELOPE_BYTES

    def __init__(self) -> None:
        self.sent: list[bytes] = []

    async def send(self, payload: bytes, kind: EnvelopeKind = EnvelopeKind.DATA) -> None:
        assert kind is EnvelopeKind.DATA
        self.sent.append(payload)

    async def receive(self) -> tuple[EnvelopeKind, bytes]:
        raise AssertionError("a channel only sends")

    async def aclose(self) -> None: ...


async def test_envelopes_go_before_other_frames_and_no_payload_is_more_than_a_peer_takes() -> None:
    channel, stream = FrameChannel(), Told()
    for number in range(1, 4):
        channel.post(Frame(call=Call(id=number, arguments=bytes(ENVELOPE_BYTES - 1000))))
    for number in range(1, 201):
        channel.post_prompt(Frame(stream_envelope=StreamEnvelope(id=number, payload=bytes(CARRIED_BYTES))))
    sending = asyncio.create_task(channel.run(stream, prefix=b""))
    await asyncio.wait_for(channel.flushed(), SOON)
    sending.cancel()
    await asyncio.wait([sending])
    payloads = [_decoded(payload).frames for payload in stream.sent]
    assert [frame.stream_envelope.id for frames in payloads for frame in frames if frame.stream_envelope.id] == [
        *range(1, 201)
    ]
    assert [[frame.call.id for frame in frames if frame.call.id] for frames in payloads][:3] == [[1], [2], [3]]
