"""What a client sends, or a server, on its way from the event loop to the thread that writes it."""

import asyncio
import hashlib
import threading
from collections import deque
from collections.abc import Awaitable, Callable, Iterator

from jumplab.driver.errors import DriverError

_AHEAD_BYTES = 4 << 20


class Abandoned(Exception):
    """Nobody waits for the write any more."""


class Upload:
    """The bytes of one image.  size_bytes, sha256: of what was read.

    parked: set where the thread has taken all that came and waits, after `pause`.
    """

    def __init__(self) -> None:
        self.size_bytes = 0
        self.sha256 = hashlib.sha256()
        self._loop = asyncio.get_running_loop()
        self._room = asyncio.Event()
        self._room.set()
        self._changed = threading.Condition()
        self._waiting: deque[bytes] = deque()
        self._waiting_bytes = 0
        self._end: Exception | None = None
        self._ended = False
        self._paused = False
        self.parked = asyncio.Event()

    async def fill(self, receive: Callable[[], Awaitable[bytes]]) -> DriverError | None:
        """Takes what comes, 4 MiB ahead of the thread at the most, until its end.

        receive: gives the next bytes, b"" at the end. The answer: why the stream broke; it may come again.
        """
        try:
            while data := await receive():
                await self._room.wait()
                with self._changed:
                    self._waiting.append(data)
                    self._waiting_bytes += len(data)
                    if self._waiting_bytes >= _AHEAD_BYTES:
                        self._room.clear()
                    self._changed.notify()
            self._finish(None)
        except DriverError as error:
            return error
        except (OSError, ValueError) as error:
            self._finish(error)
        return None

    def pause(self) -> bool:
        """Lets the thread wait for `resume`, once it has taken what came. False where all came, or nothing."""
        with self._changed:
            if self._ended or not (self.size_bytes or self._waiting):
                return False
            self._paused = True
            self._changed.notify()
            return True

    def resume(self) -> None:
        """The next `fill` goes on where the last one stopped."""
        with self._changed:
            self._paused = False
            self.parked.clear()

    def abandon(self) -> None:
        """Ends the thread's reading, now, with Abandoned."""
        with self._changed:
            self._waiting.clear()
        self._finish(Abandoned())

    def require_wanted(self) -> None:
        """For the thread: raises Abandoned where nobody waits for it any more."""
        if isinstance(self._end, Abandoned):
            raise self._end

    def blocks(self) -> Iterator[bytes]:
        """For the thread: blocks until the end. Raises Abandoned, and what ended the image too early."""
        while block := self._next():
            self.size_bytes += len(block)
            self.sha256.update(block)
            yield block

    def _next(self) -> bytes:
        with self._changed:
            while not self._waiting and not self._ended:
                if self._paused:
                    self._loop.call_soon_threadsafe(self.parked.set)
                self._changed.wait()
            self.require_wanted()
            block = self._waiting.popleft() if self._waiting else b""
            self._waiting_bytes -= len(block)
            if self._waiting_bytes < _AHEAD_BYTES <= self._waiting_bytes + len(block):
                self._loop.call_soon_threadsafe(self._room.set)
        if not block and self._end is not None:
            raise self._end
        return block

    def _finish(self, end: Exception | None) -> None:
        with self._changed:
            if not self._ended or isinstance(end, Abandoned):
                self._ended, self._end = True, end
            self._changed.notify()
