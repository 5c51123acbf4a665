"""A byte stream among the session's frames: to open one of the link's costs more than most of them carry."""

import asyncio

from jumplab.protocol.v1.session_pb2 import Frame, StreamEnvelope
from jumplab.session.channel import FrameChannel
from jumplab.session.frames import ProtocolError
from jumplab.transport.links import ENVELOPE_BYTES, KINDS, ConnectionLost, EnvelopeKind

# Beyond this a stream is worth one of the link's, where each envelope costs less. Both ends count both directions, so
# that the one that must not go on knows that the other is about to move.
CARRIED_BYTES = 4 << 10
_OVERHEAD_BYTES = 16
_MOST_BYTES = 4 * CARRIED_BYTES


class InlineStream:
    """One end of a byte stream that has no number: an EnvelopeStream, for as long as the present connection lasts.

    call_id: that of its call.  moves: it is lost once CARRIED_BYTES have passed, both ways, so that its owner opens
    another; else it then holds back until the peer has moved.
    """

    piece_bytes = CARRIED_BYTES

    def __init__(self, channel: FrameChannel, call_id: int, *, moves: bool) -> None:
        self._channel = channel
        self._call_id = call_id
        self._moves = moves
        self._arrived: asyncio.Queue[tuple[EnvelopeKind, bytes] | None] = asyncio.Queue()
        self._lost = asyncio.Event()
        self._left_bytes = CARRIED_BYTES
        self._arrived_bytes = 0

    async def send(self, payload: bytes, kind: EnvelopeKind = EnvelopeKind.DATA) -> None:
        if self._left_bytes < 0 and kind is EnvelopeKind.DATA:
            await self._lost.wait()
        if self._lost.is_set():
            raise ConnectionLost("the stream is closed")
        self._post(StreamEnvelope(id=self._call_id, kind=kind, payload=payload))
        self._count(payload)

    async def receive(self) -> tuple[EnvelopeKind, bytes]:
        arrived = await self._arrived.get()
        if arrived is None:
            self._arrived.put_nowait(None)
            raise ConnectionLost("the stream is closed")
        return arrived

    async def aclose(self) -> None:
        """Lets go. The client learns of it by a last word, the exporter by CallCancel or Reopen."""
        if not self._lost.is_set():
            self.lose()
            if not self._moves:
                self._post(StreamEnvelope(id=self._call_id, closed=True))

    def lose(self) -> None:
        """The connection is gone, or the peer has let go; what has arrived before can still be received."""
        if not self._lost.is_set():
            self._lost.set()
            self._arrived.put_nowait(None)

    def put(self, envelope: StreamEnvelope) -> None:
        """Takes in what the peer has sent. Raises ProtocolError where it sends what nobody may."""
        kind, payload = KINDS.get(envelope.kind), envelope.payload
        if kind is None or len(payload) > ENVELOPE_BYTES:
            raise ProtocolError(f"the peer sent an envelope of kind {envelope.kind} with {len(payload)} bytes")
        if self._lost.is_set():
            return
        if envelope.closed:
            self.lose()
            return
        self._arrived_bytes += _OVERHEAD_BYTES + (len(payload) if kind is EnvelopeKind.DATA else 0)
        if self._arrived_bytes > _MOST_BYTES:
            raise ProtocolError(f"the peer goes on sending among the frames after {_MOST_BYTES} bytes of a stream")
        self._arrived.put_nowait((kind, payload))
        self._count(payload)

    def _post(self, envelope: StreamEnvelope) -> None:
        self._channel.post_prompt(Frame(stream_envelope=envelope))

    def _count(self, payload: bytes) -> None:
        self._left_bytes -= len(payload) + _OVERHEAD_BYTES
        if self._left_bytes < 0 and self._moves:
            self.lose()
