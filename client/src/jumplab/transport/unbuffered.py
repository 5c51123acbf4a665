"""A connected socket in the event loop, without a buffer between it and its user.

What is received is read from the kernel when it is asked for, into the object that is handed on; what is sent goes from
the caller's object into the kernel. A StreamReader and its StreamWriter copy each block three times more.
"""

import asyncio
import socket
from collections.abc import Callable

# So much may be on its way in the kernel: some of the largest envelopes, so that neither end waits for each.
_KERNEL_BYTES = 1 << 20
# After so much that was there already, others have their turn.
_TURN_BYTES = 1 << 20
# So much more than what is asked for is taken along where what follows is likely to be small.
AHEAD_BYTES = 4 << 10
_NOTHING = memoryview(b"")


class UnbufferedSocket:
    """Owns `connection`. One task at a time may receive; what several send goes one after the other.

    Both raise OSError where it is lost.
    """

    def __init__(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _KERNEL_BYTES)
        self._socket = connection
        self._loop = asyncio.get_running_loop()
        self._reading = _Watch(lambda ready: self._loop.add_reader(connection, ready), self._stop_reading)
        self._writing = _Watch(lambda ready: self._loop.add_writer(connection, ready), self._stop_writing)
        self._ahead = b""
        self._drained = False
        self._turn_left = _TURN_BYTES
        self._turn = asyncio.Lock()
        self._senders = 0
        self._closed = False

    async def line(self, most: int) -> bytes:
        """The bytes up to the first line feed, without it. Raises ValueError where `most` bytes have none."""
        seen = b""
        while (end := seen.find(b"\n")) < 0:
            if len(seen) >= most:
                raise ValueError(f"the first {most} bytes have no end of a line")
            seen += await self._some(most - len(seen))
        self._ahead = seen[end + 1 :] + self._ahead
        return seen[:end]

    async def receive(self, count: int, *, ahead: int = 0) -> bytes:
        """Exactly `count` bytes.  ahead: how many more are taken from the kernel with them, if they are there."""
        first = await self._some(count, ahead) if count else b""
        if len(first) == count:
            return first
        parts, left = [first], count - len(first)
        while left:
            parts.append(part := await self._some(left))
            left -= len(part)
        return b"".join(parts)

    async def send(self, header: bytes, payload: bytes) -> None:
        """Sends both, behind what is still being sent.

        Cancelled half-way, it closes the socket: what follows would not be understood.
        """
        rest = memoryview(header + payload) if self._senders else self._begin(header, payload)
        if rest:
            self._senders += 1
            try:
                async with self._turn:
                    await self._send_rest(rest)
            finally:
                self._senders -= 1

    def close(self) -> None:
        """Closes the socket; waiting calls raise ConnectionLost. A second call does nothing."""
        if not self._closed:
            self._closed = True
            self._reading.close()
            self._writing.close()
            self._socket.close()

    async def _some(self, most: int, ahead: int = 0) -> bytes:
        """The available bytes, up to the limit; waits for the first byte."""
        if not self._ahead:
            self._ahead = await self._received(most + ahead)
        if len(self._ahead) <= most:
            some, self._ahead = self._ahead, b""
        else:
            some, self._ahead = self._ahead[:most], self._ahead[most:]
        return some

    async def _received(self, most: int) -> bytes:
        """The bytes that the kernel has, up to the limit; waits for the first byte."""
        while True:
            if self._drained:
                await self._reading.ready()
                self._turn_left = _TURN_BYTES
            try:
                some = self._socket.recv(most)
            except BlockingIOError:
                self._drained = True
                continue
            if not some:
                raise ConnectionResetError("the other end has closed the connection")
            self._drained = len(some) < most  # to ask again at once would be in vain
            self._turn_left -= len(some)
            if self._turn_left < 0:
                self._turn_left = _TURN_BYTES
                await asyncio.sleep(0)
            return some

    def _begin(self, header: bytes, payload: bytes) -> memoryview:
        """Sends as much as the kernel takes; returns the rest."""
        left = len(header) + len(payload) - self._sent([header, payload])
        return memoryview(header + payload if left > len(payload) else payload)[-left:] if left else _NOTHING

    def _sent(self, pieces: "list[bytes] | list[memoryview]") -> int:
        try:
            return self._socket.sendmsg(pieces)
        except BlockingIOError:
            return 0

    async def _send_rest(self, rest: memoryview) -> None:
        try:
            while rest:
                await self._writing.ready()
                rest = rest[self._sent([rest]) :]
        except asyncio.CancelledError:
            self.close()
            raise
        finally:
            self._writing.pause()

    def _stop_reading(self) -> None:
        self._loop.remove_reader(self._socket)

    def _stop_writing(self) -> None:
        self._loop.remove_writer(self._socket)


class _Watch:
    """Waits for one direction of a socket. Between waits the loop goes on watching, as long as that costs nothing."""

    def __init__(self, start: Callable[[Callable[[], None]], None], stop: Callable[[], None]) -> None:
        self._start = start
        self._stop = stop
        self._watching = False
        self._closed = False
        self._waiting: asyncio.Future[None] | None = None

    async def ready(self) -> None:
        """Waits until the socket is ready. Raises OSError where it has been closed."""
        if self._closed:
            raise ConnectionResetError("the connection is closed")
        if not self._watching:
            self._start(self._notice)
            self._watching = True
        self._waiting = asyncio.get_running_loop().create_future()
        try:
            await self._waiting
        finally:
            self._waiting = None

    def pause(self) -> None:
        """Nobody waits for a while."""
        if self._watching:
            self._watching = False
            self._stop()

    def close(self) -> None:
        self.pause()
        self._closed = True
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(ConnectionResetError("the connection is closed"))

    def _notice(self) -> None:
        if self._waiting is None:
            self.pause()
        elif not self._waiting.done():
            self._waiting.set_result(None)
