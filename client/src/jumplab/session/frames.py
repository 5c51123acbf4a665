"""Frames on one connection of stream 0: how payloads are read, and what a session begins with."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from google.protobuf.message import DecodeError

from jumplab.protocol.v1.session_pb2 import Frame, Frames
from jumplab.transport.errors import TransportError
from jumplab.transport.links import ENVELOPE_BYTES, ConnectionLost, EnvelopeKind, EnvelopeStream

MAGIC = b"JUMPLAB\x01"
FRAME_BYTES = 8 << 20
MOST_FRAMES = 65_536
"""Of one payload. What a sender gathers has fewer: each takes some bytes, and some of the receiver's time."""
UNCOUNTED = frozenset({"hello", "welcome", "goodbye", "call_progress", "stream_envelope"})


def is_of_a_later_version(frame: Frame) -> bool:
    """Whether it is a frame of a kind that this version does not know: it is counted and left aside."""
    return frame.WhichOneof("kind") is None and frame.ByteSize() > 0


class ProtocolError(ConnectionLost):
    """The peer does not speak this protocol."""


class GivenUp(ConnectionLost):
    """The peer does not want this session; the message is its reason."""


async def read_payloads(stream: EnvelopeStream) -> AsyncIterator[Frames]:
    """The peer's payloads, one after the other. Ends with ProtocolError, GivenUp, ConnectionLost, or a refusal."""
    payload = await _data(stream)
    if not payload.startswith(MAGIC):
        raise ProtocolError(f"the peer does not speak Jumplab's session protocol: it began with {payload[:16]!r}")
    yield _decoded(payload[len(MAGIC) :])
    while True:
        yield _decoded(await _data(stream))


async def until_let_go(stream: EnvelopeStream, bound_seconds: float) -> None:
    """Waits until the peer has let go of the stream: a last word may not reach who is hung up on at once."""
    with contextlib.suppress(TransportError, TimeoutError):
        async with asyncio.timeout(bound_seconds):
            while True:
                await stream.receive()


async def _data(stream: EnvelopeStream) -> bytes:
    kind, payload = await stream.receive()
    if kind is EnvelopeKind.DATA:
        return payload
    if kind is EnvelopeKind.RESET:
        raise GivenUp(payload.decode(errors="replace"))
    if kind is EnvelopeKind.END:
        raise ConnectionLost(payload.decode(errors="replace") or "the peer has ended the connection")
    raise ProtocolError(f"the peer sent {kind.name} where frames are to come")


def _decoded(payload: bytes) -> Frames:
    if len(payload) > FRAME_BYTES + ENVELOPE_BYTES:
        raise ProtocolError(f"the peer sent {len(payload)} bytes of frames at once; {FRAME_BYTES} is the most")
    if len(payload) > 2 * ENVELOPE_BYTES and not _is_one_large_frame(payload):
        # Millions of empty frames fit into what one frame may have, and each would be an object.
        raise ProtocolError(f"the peer gathered {len(payload)} bytes of frames; {ENVELOPE_BYTES} is the most")
    try:
        frames = Frames.FromString(payload)
    except DecodeError as error:
        raise ProtocolError("the peer sent frames that can't be read") from error
    if len(frames.frames) > MOST_FRAMES:
        raise ProtocolError(f"the peer gathered {len(frames.frames)} frames; {MOST_FRAMES} is the most")
    return frames


def _is_one_large_frame(payload: bytes) -> bool:
    """Whether what stands beside the largest frame is no more than what a sender gathers."""
    index, largest, count = 0, 0, 0
    while index < len(payload) and index - largest <= ENVELOPE_BYTES:
        count += 1
        if count > MOST_FRAMES:
            return False
        tag, index = _varint(payload, index)
        length, index = _varint(payload, index)
        if tag & 7 == _LENGTH_DELIMITED:
            largest = max(largest, length)
            index += length
    return index - largest <= ENVELOPE_BYTES


_LENGTH_DELIMITED = 2


def _varint(payload: bytes, index: int) -> tuple[int, int]:
    """The number that begins there, and where it ends. What is none, the parser refuses."""
    number = shift = 0
    while index < len(payload):
        byte = payload[index]
        number |= (byte & 0x7F) << shift
        shift += 7
        index += 1
        if byte < 0x80 or shift > 63:
            break
    return number, index
