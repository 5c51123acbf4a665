"""A driver's byte stream over numbered streams of a link, one after the other.

Bytes that the peer has not acknowledged are stored. Where a connection is lost the stream waits for the next one and
goes on at the byte where it stopped. The envelopes are described in session.proto.
"""

import asyncio
import contextlib
import struct
from collections import deque
from collections.abc import Awaitable, Callable

from jumplab.driver import errors
from jumplab.transport.errors import TransportError
from jumplab.transport.first_completed import first_completed
from jumplab.transport.links import ENVELOPE_BYTES, EnvelopeKind, EnvelopeStream

WINDOW_BYTES = 4 << 20
_ACKNOWLEDGE_BYTES = WINDOW_BYTES // 4
_REASON_BYTES = 4 << 10
_ACK = struct.Struct(">QQ")

Reopen = Callable[[], Awaitable[EnvelopeStream]]


class _Broken(errors.StreamReset):
    """The peer breaks the rules of byte streams; the message is for it, too."""


class LinkedByteStream:
    """A jumplab.driver.ByteStream that outlives its connections.

    reopen: gives the next connection where one was lost; raises DriverError where there will be none.
    on_data: called when the peer has sent bytes.
    delivered: set once the peer has everything that was sent, the end included, or the stream is over.

    `run` does the work and must be running. Cancelling `send` or `receive` leaves the stream usable.
    """

    def __init__(self, reopen: Reopen, on_data: Callable[[], None] = lambda: None) -> None:
        self._reopen = reopen
        self._on_data = on_data
        self._outgoing = _Outgoing()
        self._incoming = _Incoming()
        self._changed = asyncio.Event()
        self._acknowledge = False
        self._told = asyncio.Event()
        self._told.set()
        self._over: errors.DriverError | None = None
        self._is_unread = False
        self.delivered = asyncio.Event()

    @property
    def ended_by_peer(self) -> bool:
        """Whether the peer has ended its direction and everything of it has arrived."""
        return self._incoming.ended

    async def send(self, data: bytes) -> None:
        view = memoryview(data)
        for start in range(0, len(data), ENVELOPE_BYTES):
            await self._outgoing.writable.wait()
            if self._over is not None:
                raise self._over
            if self._is_unread:
                return
            chunk = data if len(data) <= ENVELOPE_BYTES else bytes(view[start : start + ENVELOPE_BYTES])
            self._outgoing.put(chunk)
            self._changed.set()

    async def send_end(self) -> None:
        if not self._outgoing.ended:
            self._outgoing.ended = True
            self._changed.set()

    def drop_what_is_sent(self) -> None:
        """The peer reads nothing more: this direction ends, and `send` drops its data instead of waiting for room."""
        self._is_unread = self._outgoing.ended = True
        self._outgoing.writable.set()
        self._changed.set()

    async def receive(self) -> bytes:
        await self._incoming.ready.wait()
        data = self._incoming.pop()
        if data:
            if self._incoming.acknowledgement_due:
                self._acknowledge = True
                self._changed.set()
            return data
        if self._over is not None and not self._incoming.ended:
            raise self._over
        return b""

    async def run(self, stream: EnvelopeStream, *, fresh: bool = True) -> None:
        """Serves the stream on this connection and those that follow, until both directions have ended or `close`.

        fresh: this connection is the one that the call names; one that follows it begins with acknowledgements.
        Returns then. Never raises but when it is cancelled; what it ended with, `send` and `receive` raise.
        """
        try:
            while not await self._served(stream, fresh):
                await stream.aclose()
                stream = await self._reopen()
                fresh = False
        except errors.DriverError as error:
            self.close(error)
        except TransportError as error:
            self.close(errors.SessionLost(f"the byte stream was cut: {error}"))
        finally:
            await stream.aclose()

    def close(self, reason: errors.DriverError) -> None:
        """Nothing more can be sent; what has arrived can still be received, then `reason` is raised."""
        self._over = self._over or reason
        self._outgoing.writable.set()
        self._incoming.close()
        self.delivered.set()

    async def _served(self, stream: EnvelopeStream, fresh: bool) -> bool:
        """Serves one connection; True where the stream is done, False where the connection was lost."""
        self._outgoing.synchronised = fresh
        self._acknowledge = not fresh
        self._changed.set()
        try:
            await first_completed({"bytes in": self._read(stream), "bytes out": self._write(stream)})
        except _Broken as error:
            await reset(stream, str(error))
            raise
        except TransportError as error:
            if _is_refusal(error):
                raise
            return False
        return True

    async def _read(self, stream: EnvelopeStream) -> None:
        while not (self._outgoing.done and self._incoming.ended):
            kind, payload = await stream.receive()
            match kind:
                case EnvelopeKind.DATA:
                    self._incoming.put(payload)
                    self._on_data()
                case EnvelopeKind.ACK:
                    self._apply_acknowledgement(payload)
                case EnvelopeKind.END:
                    self._incoming.end()
                    self._told.clear()
                    self._acknowledge = True
                    self._changed.set()
                case EnvelopeKind.RESET:
                    raise errors.StreamReset(payload.decode(errors="replace") or "the peer gave no reason")
        await self._told.wait()  # without the acknowledgement of its end the peer would come back

    async def _write(self, stream: EnvelopeStream) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            if self._acknowledge:
                self._acknowledge = False
                await stream.send(self._incoming.acknowledgement(), EnvelopeKind.ACK)
                self._told.set()
            while (piece := self._outgoing.next_piece(stream.piece_bytes)) is not None:
                await stream.send(piece)
            if self._outgoing.end_is_due():
                await stream.send(b"", EnvelopeKind.END)

    def _apply_acknowledgement(self, payload: bytes) -> None:
        if len(payload) != _ACK.size:
            raise _Broken("the peer sent an acknowledgement that can't be read")
        used, arrived = _ACK.unpack(payload)
        self._outgoing.acknowledge(used, arrived)
        if self._outgoing.done:
            self.delivered.set()
        self._changed.set()


class _Outgoing:
    """The chunks on their way to the peer, which has not used them yet, from offset `_start` on."""

    def __init__(self) -> None:
        self.writable = asyncio.Event()
        self.writable.set()
        self.ended = False
        self.synchronised = True
        self._chunks: deque[bytes] = deque()
        self._start = 0
        self._end = 0
        self._next = 0
        self._into = 0
        self._end_sent = False
        self._arrived = 0

    @property
    def done(self) -> bool:
        """Whether the peer has everything, the end included."""
        return self.ended and self._arrived > self._end

    def put(self, chunk: bytes) -> None:
        self._chunks.append(chunk)
        self._end += len(chunk)
        if self._end - self._start >= WINDOW_BYTES:
            self.writable.clear()

    def next_piece(self, most: int) -> bytes | None:
        """The next bytes to send, up to the limit; None where there are none."""
        if not self.synchronised or self._next >= len(self._chunks):
            return None
        chunk = self._chunks[self._next]
        piece = chunk[self._into : self._into + most]
        self._into += len(piece)
        if self._into == len(chunk):
            self._next, self._into = self._next + 1, 0
        return piece

    def end_is_due(self) -> bool:
        due = self.synchronised and self.ended and not self._end_sent and self._next >= len(self._chunks)
        self._end_sent = self._end_sent or due
        return due

    def acknowledge(self, used: int, arrived: int) -> None:
        if used > arrived or arrived > self._end + 1 or used < self._start:
            raise _Broken(f"the peer acknowledged {arrived} bytes; {self._end} were sent")
        self._arrived = arrived
        while self._chunks and self._start + len(self._chunks[0]) <= used:
            self._start += len(self._chunks.popleft())
            if self._next:
                self._next -= 1
            else:
                self._into = 0  # the peer claims to have used what it was not sent
        if not self.synchronised:
            self._resume_at(arrived)
        if self._end - self._start < WINDOW_BYTES:
            self.writable.set()

    def _resume_at(self, arrived: int) -> None:
        offset = self._start
        self._next = 0
        while self._next < len(self._chunks) and offset + len(self._chunks[self._next]) <= arrived:
            offset += len(self._chunks[self._next])
            self._next += 1
        self._into = max(0, min(arrived, self._end) - offset)
        self._end_sent = self.ended and arrived > self._end
        self.synchronised = True


class _Incoming:
    """The bytes that have come from the peer and were not read yet."""

    def __init__(self) -> None:
        self.ready = asyncio.Event()
        self.ended = False
        self._closed = False
        self._chunks: deque[bytes] = deque()
        self._arrived = 0
        self._used = 0
        self._told = 0

    @property
    def acknowledgement_due(self) -> bool:
        return self._used - self._told >= _ACKNOWLEDGE_BYTES

    def put(self, chunk: bytes) -> None:
        if self.ended:
            raise _Broken("the peer sent bytes after their end")
        self._arrived += len(chunk)
        if self._arrived - self._told > WINDOW_BYTES + _ACKNOWLEDGE_BYTES + ENVELOPE_BYTES:
            raise _Broken("the peer sent more than was asked for")
        if chunk:
            self._chunks.append(chunk)
            self.ready.set()

    def end(self) -> None:
        self.ended = True
        self.ready.set()

    def close(self) -> None:
        self._closed = True
        self.ready.set()

    def pop(self) -> bytes:
        if not self._chunks:
            return b""
        chunk = self._chunks.popleft()
        self._used += len(chunk)
        if not self._chunks and not self.ended and not self._closed:
            self.ready.clear()
        return chunk

    def acknowledgement(self) -> bytes:
        self._told = self._used
        end = 1 if self.ended else 0
        return _ACK.pack(self._used, self._arrived + end)


async def reset(stream: EnvelopeStream, reason: str) -> None:
    """Sends the peer that a byte stream is given up, where it can be reached."""
    with contextlib.suppress(TransportError):
        await stream.send(reason.encode()[:_REASON_BYTES], EnvelopeKind.RESET)


def _is_refusal(error: TransportError) -> bool:
    return error.code in {"PERMISSION_DENIED", "FAILED_PRECONDITION", "NOT_FOUND", "UNAUTHENTICATED"}
