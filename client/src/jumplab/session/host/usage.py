"""Whether the clients of a session are there, and whether they use it."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

IDLE_AFTER = timedelta(minutes=15)
"""How long one use counts."""


class Usage:
    """Counts a session's connections, and what they do.

    A session is in use while a client is attached, and a client is busy, a call runs, or the last use is less than
    `idle_after` ago. A use is a call, or what a client sends on a byte stream: a console that is only shown is idle.

    on_change: may be set; called with (attached, in use) whenever either changes.
    """

    def __init__(self, idle_after: timedelta = IDLE_AFTER) -> None:
        self._idle_after_seconds = idle_after.total_seconds()
        self._connections = 0
        self._busy = 0
        self._running = 0
        self._last_use = float("-inf")
        self._reported = (False, False)
        self._timer: asyncio.TimerHandle | None = None
        self.on_change: Callable[[bool, bool], None] | None = None

    def note(self) -> None:
        """A client has used the session."""
        self._last_use = asyncio.get_running_loop().time()
        self._report()

    def forget(self) -> None:
        """The session has another holder, who has not used it yet."""
        self._last_use = float("-inf")
        self._report()

    @contextmanager
    def connected(self, *, busy: bool) -> Iterator[None]:
        """A client is connected for as long as the context lasts.  busy: it says that it is at work all this time."""
        self._count(1, busy=busy)
        try:
            yield
        finally:
            self._count(-1, busy=busy)

    @contextmanager
    def running(self) -> Iterator[None]:
        """A call runs for as long as the context lasts; its end is a use as well."""
        self._running += 1
        self.note()
        try:
            yield
        finally:
            self._running -= 1
            self.note()

    def close(self) -> None:
        """Nothing is reported any more."""
        self.on_change = None
        if self._timer is not None:
            self._timer.cancel()

    def _count(self, more: int, *, busy: bool) -> None:
        self._connections += more
        self._busy += more if busy else 0
        self._report()

    def _report(self) -> None:
        loop = asyncio.get_running_loop()
        idle_at = self._last_use + self._idle_after_seconds
        at_work = bool(self._busy or self._running)
        attached = bool(self._connections)
        now = (attached, attached and (at_work or loop.time() < idle_at))
        if now[1] and not at_work and self._timer is None:
            self._timer = loop.call_at(idle_at, self._look_again)
        if now != self._reported:
            self._reported = now
            if self.on_change is not None:
                self.on_change(*now)

    def _look_again(self) -> None:
        self._timer = None
        self._report()
