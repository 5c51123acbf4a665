"""A byte stream whose peer sends anything: what was received before is right, and the end is a DriverError."""

import asyncio
import struct

from hypothesis import given
from hypothesis import strategies as st

from jumplab.driver import errors
from jumplab.session.bytestream import WINDOW_BYTES, LinkedByteStream
from jumplab.transport.links import ENVELOPE_BYTES, ConnectionLost, EnvelopeKind, EnvelopeStream
from tests.fuzz import FUZZED

NUMBERS = st.one_of(st.integers(0, 8), st.integers(0, (1 << 64) - 1))
ACKS = st.one_of(
    st.builds(lambda used, arrived: struct.pack(">QQ", used, arrived), NUMBERS, NUMBERS), st.binary(max_size=20)
)
ENVELOPES = st.one_of(
    st.tuples(st.just(EnvelopeKind.DATA), st.binary(max_size=8)),
    st.tuples(st.just(EnvelopeKind.ACK), ACKS),
    st.tuples(st.just(EnvelopeKind.END), st.just(b"")),
    st.tuples(st.just(EnvelopeKind.RESET), st.binary(max_size=8)),
)


class Peer:
    """Sends what it was told to, and is lost then."""

    piece_bytes = 3

    def __init__(self, envelopes: list[tuple[EnvelopeKind, bytes]]) -> None:
        self._left = list(envelopes)
        self.heard: list[tuple[EnvelopeKind, bytes]] = []

    async def receive(self) -> tuple[EnvelopeKind, bytes]:
        if not self._left:
            raise ConnectionLost("nothing more")
        await asyncio.sleep(0)
        return self._left.pop(0)

    async def send(self, payload: bytes, kind: EnvelopeKind = EnvelopeKind.DATA) -> None:
        self.heard.append((kind, payload))

    async def aclose(self) -> None:
        pass


def played(envelopes: list[tuple[EnvelopeKind, bytes]], *, say: bytes = b"12345") -> tuple[bytes, Peer, str]:
    """What the stream's owner receives of a peer, the peer, and what the stream ended with."""
    peer = Peer(envelopes)

    async def nothing_more() -> EnvelopeStream:
        raise errors.SessionEnded("nothing more")

    async def play() -> tuple[bytes, str]:
        stream, received = LinkedByteStream(nothing_more), b""
        await stream.send(say)
        await asyncio.wait_for(stream.run(peer), 20)
        try:
            while data := await asyncio.wait_for(stream.receive(), 20):
                received += data
        except errors.DriverError as error:
            return received, str(error)
        return received, ""

    received, ending = asyncio.run(play())
    return received, peer, ending


@FUZZED
@given(st.lists(ENVELOPES, max_size=12))
def test_what_was_received_is_a_beginning_of_what_was_sent(envelopes: list[tuple[EnvelopeKind, bytes]]) -> None:
    received, peer, ending = played(envelopes)
    sent = b"".join(payload for kind, payload in envelopes if kind is EnvelopeKind.DATA)
    assert sent.startswith(received)
    ended = [kind for kind, _ in envelopes].count(EnvelopeKind.END) > 0
    assert ending or ended
    assert b"12345".startswith(b"".join(payload for kind, payload in peer.heard if kind is EnvelopeKind.DATA))


def test_who_sends_bytes_after_their_end_is_told() -> None:
    _, peer, _ = played([(EnvelopeKind.END, b""), (EnvelopeKind.DATA, b"more")])
    assert (EnvelopeKind.RESET, b"the peer sent bytes after their end") in peer.heard


def test_who_sends_more_than_there_is_room_for_is_told_and_costs_no_more_than_the_window() -> None:
    block = (EnvelopeKind.DATA, bytes(ENVELOPE_BYTES))
    received, peer, ending = played([block] * (3 * WINDOW_BYTES // ENVELOPE_BYTES))
    assert len(received) <= 2 * WINDOW_BYTES
    assert ending == "the peer sent more than was asked for"
    assert (EnvelopeKind.RESET, ending.encode()) in peer.heard


def test_who_acknowledges_what_was_never_sent_is_told() -> None:
    _, peer, ending = played([(EnvelopeKind.ACK, struct.pack(">QQ", 9, 9))])
    assert "acknowledged 9 bytes; 5 were sent" in ending
    assert (EnvelopeKind.RESET, ending.encode()) in peer.heard
