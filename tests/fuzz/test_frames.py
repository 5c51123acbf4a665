"""The frame decoder and the counts of a channel: whatever comes, it is taken in or refused as a ProtocolError."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jumplab.protocol.v1.session_pb2 import Call, Frame, Frames
from jumplab.session.channel import FrameChannel
from jumplab.session.frames import MAGIC, MOST_FRAMES, ProtocolError, read_payloads
from jumplab.transport.errors import TransportError
from jumplab.transport.links import ENVELOPE_BYTES, ConnectionLost, EnvelopeKind
from tests.fuzz import FUZZED
from tests.fuzz.payloads import FIRST_PAYLOADS, NUMBERS, PAYLOADS


class Told:
    """A stream that says what it was given, and is lost then."""

    piece_bytes = ENVELOPE_BYTES

    def __init__(self, *envelopes: tuple[EnvelopeKind, bytes]) -> None:
        self._left = list(envelopes)
        self.sent: list[bytes] = []

    async def receive(self) -> tuple[EnvelopeKind, bytes]:
        if not self._left:
            raise ConnectionLost("nothing more")
        return self._left.pop(0)

    async def send(self, payload: bytes, kind: EnvelopeKind = EnvelopeKind.DATA) -> None:
        self.sent.append(payload)

    async def aclose(self) -> None:
        pass


def heard(*envelopes: tuple[EnvelopeKind, bytes]) -> list[Frames]:
    """The payloads that are read of envelopes, up to the error that must come."""
    taken: list[Frames] = []

    async def read() -> None:
        try:
            async for frames in read_payloads(Told(*envelopes)):
                taken.append(frames)  # noqa: PERF401 - those before the error count
        except TransportError:
            return
        raise AssertionError("it ended without an error")

    asyncio.run(read())
    return taken


KINDS = st.sampled_from([EnvelopeKind.DATA] * 5 + list(EnvelopeKind))


@FUZZED
@given(FIRST_PAYLOADS, st.lists(st.tuples(KINDS, PAYLOADS), max_size=4))
def test_whatever_comes_is_frames_or_a_transport_error(
    first: bytes, following: list[tuple[EnvelopeKind, bytes]]
) -> None:
    heard((EnvelopeKind.DATA, first), *following)


@FUZZED
@given(st.lists(st.binary(max_size=600_000), min_size=1, max_size=4))
def test_what_a_channel_gathers_is_read_again_as_it_was(arguments: list[bytes]) -> None:
    frames = [Frame(call=Call(id=number, arguments=given)) for number, given in enumerate(arguments, 1)]
    stream = Told()

    async def send() -> None:
        channel = FrameChannel()
        for frame in frames:
            channel.post(frame)
        sending = asyncio.create_task(channel.run(stream))
        await channel.flushed()
        sending.cancel()
        await asyncio.wait([sending])

    asyncio.run(send())
    payloads = heard(*((EnvelopeKind.DATA, payload) for payload in stream.sent))
    assert [frame for payload in payloads for frame in payload.frames] == frames
    assert stream.sent[0].startswith(MAGIC)


@FUZZED
@given(st.lists(st.one_of(st.just("sent"), NUMBERS), max_size=30))
def test_acknowledgements_never_take_back_nor_reach_ahead(steps: list[str | int]) -> None:
    """Against a model that only counts: what was sent, and what of it has been acknowledged."""

    async def play() -> None:
        channel, sent, acknowledged = FrameChannel(), 0, 0
        for step in steps:
            if step == "sent":
                channel.post(Frame())
                sent += 1
                continue
            assert isinstance(step, int)
            refused = False
            try:
                channel.arrived(Frames(received=step), 0)
            except ProtocolError:
                refused = True
            assert refused == (step != 0 and not acknowledged <= step <= sent)
            acknowledged = acknowledged if refused or step == 0 else step

    asyncio.run(play())


@pytest.mark.parametrize("count", [MOST_FRAMES + 1, 1_000_000])
def test_more_frames_than_a_sender_gathers_end_the_connection(count: int) -> None:
    empty = b"\x0a\x00"
    assert heard((EnvelopeKind.DATA, MAGIC + empty * count)) == []
    assert len(heard((EnvelopeKind.DATA, MAGIC + empty * MOST_FRAMES))[0].frames) == MOST_FRAMES
