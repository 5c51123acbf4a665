"""What plain code sends on a byte stream: on its way to the event loop while the code goes on."""

import threading
from collections import deque
from collections.abc import Callable

from jumplab.driver import errors
from jumplab.driver.guard import current_guard
from jumplab.driver.portal import Portal, Running
from jumplab.driver.streams import ByteStream

_AHEAD_BYTES = 1 << 20


class PlainSending:
    """Hands blocks on to `stream`, in their order. One thread at a time may send.

    To wait for each block to be taken, two switches between threads, takes longer than to take it.
    """

    def __init__(self, stream: ByteStream, portal: Portal) -> None:
        self._stream = stream
        self._portal = portal
        self._blocks: deque[bytes] = deque()
        self._ahead_bytes = 0
        self._busy = False
        self._handing_on: Running[None] | None = None
        self._failure: errors.DriverError | None = None
        self._changed = threading.Condition()

    def send(self, data: bytes) -> None:
        """Returns when no more than 1 MiB is before it. Raises the DriverError that an earlier one has ended with."""
        with self._changed:
            self._wait_while(lambda: self._ahead_bytes >= _AHEAD_BYTES)
            if self._failure is not None:
                raise self._failure
            self._blocks.append(data)
            self._ahead_bytes += len(data)
            begin, self._busy = not self._busy, True
        if begin:
            self._handing_on = self._portal.begin(self._hand_on(), "blocks of plain code")

    def flush(self) -> None:
        """Waits until the stream has taken all. Raises DriverError."""
        with self._changed:
            self._wait_while(lambda: self._busy)
            if self._failure is not None:
                raise self._failure

    def give_up(self) -> None:
        """What was not handed on yet never is, and nothing can be sent any more."""
        with self._changed:
            handing_on = self._handing_on if self._busy else None
        self._fail(errors.SessionEnded("the byte stream was left"))
        if handing_on is not None:
            handing_on.cancel()

    def _wait_while(self, blocked: Callable[[], bool]) -> None:
        """Waits, until there is a failure at the latest. Raises Interrupted where the thread's guard ends the wait."""
        guard = current_guard()
        if guard is not None:
            guard.begin_wait(self._wake)
        try:
            while blocked() and self._failure is None and not (guard is not None and guard.pending):
                self._changed.wait()
        finally:
            if guard is not None:
                guard.end_wait()
        if guard is not None:
            guard.check()

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify_all()

    async def _hand_on(self) -> None:
        try:
            while (data := self._next()) is not None:
                await self._stream.send(data)
                self._count_sent(len(data))
        except errors.DriverError as error:
            self._fail(error)
        except BaseException:
            self._fail(errors.SessionEnded("this session is closed; its clients can't be used any more"))
            raise

    def _next(self) -> bytes | None:
        """The next block; None where there is none, and whoever sends one has to begin anew."""
        with self._changed:
            if self._blocks:
                return self._blocks.popleft()
            self._busy = False
            self._changed.notify_all()
            return None

    def _count_sent(self, size_bytes: int) -> None:
        with self._changed:
            before, self._ahead_bytes = self._ahead_bytes, self._ahead_bytes - size_bytes
            if before > _AHEAD_BYTES // 2 >= self._ahead_bytes:  # not for each block: waking a thread takes its time
                self._changed.notify_all()

    def _fail(self, error: errors.DriverError) -> None:
        with self._changed:
            self._failure = self._failure or error
            self._busy = False
            self._blocks.clear()
            self._changed.notify_all()
