"""Byte streams among the session's frames, with a client that says what it likes."""

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from jumplab.protocol.v1.session_pb2 import Call, Frame, Frames, Hello, Reopen, StreamEnvelope
from jumplab.session.frames import MAGIC
from jumplab.session.host import SessionHost
from jumplab.session.inline_stream import CARRIED_BYTES
from jumplab.transport.links import ENVELOPE_BYTES, EnvelopeKind, EnvelopeStream, Link
from tests.session.links import hosted, linked
from tests.session.pressing import SOON, Press, mirrored


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
