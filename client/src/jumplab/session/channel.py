"""Frames both ways over all connections of a session: each counted frame arrives once, in order.

Sent frames are stored until the peer has acknowledged them, and sent again on the next connection. Frames are written
at once when the connection is idle, and gathered when it is busy.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterator

from jumplab.protocol.v1.session_pb2 import Frame, Frames
from jumplab.session.frames import MAGIC, ProtocolError
from jumplab.transport.links import ENVELOPE_BYTES, EnvelopeStream
from jumplab.transport.varint import varint

_PENDING_LIMIT_BYTES = 4 << 20
_ACKNOWLEDGE_FRAMES = 32
_ACKNOWLEDGE_BYTES = 256 << 10


class FrameChannel:
    """One side's counts and queue. It outlives connections; `run` serves one of them at a time.

    received: how many counted frames have arrived.  on_writable: called when `crowded` has come to its end.
    """

    def __init__(self) -> None:
        self.received = 0
        self.on_writable: Callable[[], None] = lambda: None
        self._pending: deque[bytes] = deque()  # each as it stands in a payload
        self._pending_bytes = 0
        self._acknowledged = 0
        self._next = 0
        self._prompt: deque[Frame] = deque()
        self._latest: dict[int, Frame] = {}
        self._acknowledged_to_peer = 0
        self._unacknowledged_bytes = 0
        self._changed = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._writable = asyncio.Event()
        self._writable.set()

    @property
    def crowded(self) -> bool:
        """Whether so much waits for the peer that `send` would wait too."""
        return not self._writable.is_set()

    @property
    def _acknowledgement_due(self) -> bool:
        """Whether enough has arrived for an acknowledgement of its own, without another frame to send."""
        unacknowledged = self.received - self._acknowledged_to_peer
        return unacknowledged >= _ACKNOWLEDGE_FRAMES or self._unacknowledged_bytes >= _ACKNOWLEDGE_BYTES

    async def send(self, frame: Frame) -> None:
        """Queues a counted frame; waits while too much is stored. Cancelled, it has queued nothing."""
        if self.crowded:
            await self.until_writable()
        self.post(frame)

    async def until_writable(self) -> None:
        """Waits while too much is stored: for a caller that numbers a frame when it is queued, and not before."""
        await self._writable.wait()

    def release_senders(self) -> None:
        """Nothing is sent any more: waiting callers go on."""
        self._writable.set()

    def post(self, frame: Frame) -> None:
        """Queues a counted frame without waiting: for what is small and rare."""
        data = frame.SerializeToString()
        self._enqueue(_FRAME_TAG + varint(len(data)) + data)

    def post_prompt(self, frame: Frame) -> None:
        """Queues an uncounted frame before all others: it is for the present connection alone."""
        self._prompt.append(frame)
        self._wake()

    def post_latest(self, key: int, frame: Frame) -> None:
        """Queues an uncounted frame before all counted ones, in place of one with the same key that still waits."""
        self._latest[key] = frame
        self._wake()

    def arrived(self, payload: Frames, counted: int) -> None:
        """Takes over the state of both directions from a payload.  counted: how many counted frames it has brought."""
        if counted:
            self.received += counted
            self._unacknowledged_bytes += payload.ByteSize()
            if self._acknowledgement_due:
                self._wake()
        if received := payload.received:
            self._acknowledge(received)

    def connect(self, peer_received: int) -> None:
        """A new connection begins: the peer has this number of our counted frames. Raises ProtocolError."""
        self._prompt.clear()
        self._acknowledge(peer_received)
        self._next = 0
        self._acknowledged_to_peer = 0
        self._wake()

    def forget(self) -> None:
        """The peer's memory is gone: counting begins anew, and what it has not acknowledged is dropped."""
        self._pending.clear()
        self._pending_bytes = self._acknowledged = self._next = self.received = self._acknowledged_to_peer = 0
        self._writable.set()

    async def run(self, stream: EnvelopeStream, *, prefix: bytes = MAGIC) -> None:
        """Sends on this connection for ever.  prefix: what it begins with.  Raises ConnectionLost."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            while (payload := self._gathered()) is not None:
                await stream.send(prefix + payload)
                prefix = b""
            self._idle.set()

    async def flushed(self) -> None:
        """Waits until everything queued has been sent on the present connection."""
        await self._idle.wait()

    def _gathered(self) -> bytes | None:
        """The next payload; None where there is nothing to send."""
        parts = self._uncounted() if self._prompt or self._latest else []
        if self._next < len(self._pending):
            parts += self._next_pending(sum(map(len, parts)))
        if not parts and not self._acknowledgement_due:
            return None
        if self.received > self._acknowledged_to_peer:
            self._acknowledged_to_peer = self.received
            self._unacknowledged_bytes = 0
            parts += _RECEIVED_TAG, varint(self.received)
        return b"".join(parts)

    def _uncounted(self) -> list[bytes]:
        frames = Frames(frames=(*self._next_prompt(), *self._latest.values()))
        self._latest.clear()
        return [frames.SerializeToString()]

    def _next_prompt(self) -> Iterator[Frame]:
        """The next frames that go before all others: one, and then as many as there is room for."""
        payload_bytes = 0
        while self._prompt and payload_bytes <= ENVELOPE_BYTES // 2:
            payload_bytes += self._prompt[0].ByteSize()
            yield self._prompt.popleft()

    def _next_pending(self, payload_bytes: int) -> list[bytes]:
        """The next counted frames: one, and then as many as there is room for."""
        parts: list[bytes] = []
        while self._next < len(self._pending):
            frame = self._pending[self._next]
            payload_bytes += len(frame)
            if parts and payload_bytes > ENVELOPE_BYTES:
                break
            parts.append(frame)
            self._next += 1
        return parts

    def _enqueue(self, frame: bytes) -> None:
        self._pending.append(frame)
        self._pending_bytes += len(frame)
        if self._pending_bytes > _PENDING_LIMIT_BYTES:
            self._writable.clear()
        self._wake()

    def _acknowledge(self, received: int) -> None:
        fresh = received - self._acknowledged
        if fresh < 0 or fresh > len(self._pending):
            sent = self._acknowledged + len(self._pending)
            raise ProtocolError(f"the peer acknowledged {received} frames; {sent} were sent")
        for _ in range(fresh):
            self._pending_bytes -= len(self._pending.popleft())
        self._acknowledged = received
        self._next = max(0, self._next - fresh)
        if self.crowded and self._pending_bytes <= _PENDING_LIMIT_BYTES:
            self._writable.set()
            self.on_writable()

    def _wake(self) -> None:
        self._idle.clear()
        self._changed.set()


# A Frames message as it is on the wire: `frames` is its field 1, length-delimited, `received` its field 2, a varint. So
# a stored frame is not serialized twice, and the fields of every payload cost next to nothing.
_FRAME_TAG = b"\x0a"
_RECEIVED_TAG = b"\x10"
