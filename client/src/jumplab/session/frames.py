"""Frames on one connection of stream 0: how payloads are read, and what a session begins with."""

from collections.abc import AsyncIterator

from google.protobuf.message import DecodeError

from jumplab.protocol.v1.session_pb2 import Frames
from jumplab.transport.links import ENVELOPE_BYTES, ConnectionLost, EnvelopeKind, EnvelopeStream

MAGIC = b"JUMPLAB\x01"
FRAME_BYTES = 8 << 20
UNCOUNTED = frozenset({"hello", "welcome", "goodbye", "call_progress"})


class ProtocolError(ConnectionLost):
    """The peer does not speak this protocol."""


class GivenUp(ConnectionLost):
    """The peer does not want this session; the message is its reason."""


async def read_payloads(stream: EnvelopeStream) -> AsyncIterator[Frames]:
    """What the peer says, payload by payload. Ends with ProtocolError, GivenUp, ConnectionLost, or a refusal."""
    payload = await _data(stream)
    if not payload.startswith(MAGIC):
        raise ProtocolError(f"the peer does not speak Jumplab's session protocol: it began with {payload[:16]!r}")
    yield _decoded(payload[len(MAGIC) :])
    while True:
        yield _decoded(await _data(stream))


async def _data(stream: EnvelopeStream) -> bytes:
    kind, payload = await stream.receive()
    if kind is EnvelopeKind.RESET:
        raise GivenUp(payload.decode(errors="replace"))
    if kind is EnvelopeKind.END:
        raise ConnectionLost(payload.decode(errors="replace") or "the peer has ended the connection")
    if kind is not EnvelopeKind.DATA:
        raise ProtocolError(f"the peer sent {kind.name} where frames are to come")
    return payload


def _decoded(payload: bytes) -> Frames:
    if len(payload) > FRAME_BYTES + ENVELOPE_BYTES:
        raise ProtocolError(f"the peer sent {len(payload)} bytes of frames at once; {FRAME_BYTES} is the most")
    try:
        return Frames.FromString(payload)
    except DecodeError as error:
        raise ProtocolError("the peer sent frames that can't be read") from error
