"""When the exporter itself ends a lease, by a clock that nobody sets and that runs while the machine sleeps."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from jumplab.boottime import boottime

# Where the controller is there, its own word comes first, so that the lease ends for the reason that it gives.
GRACE_SECONDS = 1.0
# asyncio's clock stands still while the machine sleeps; looking this often bounds how late that is noticed.
_LOOK_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class _Due:
    uid: str
    at: float


class Deadline:
    """The one deadline that an exporter keeps: that of the lease it serves. clock: seconds, as `boottime` gives."""

    def __init__(self, clock: Callable[[], float] = boottime) -> None:
        self._clock = clock
        self._due: _Due | None = None
        self._changed = asyncio.Event()

    def set(self, uid: str, at: float) -> None:
        """A lease ends at `at` on the clock. Replaces what was kept before."""
        self._due = _Due(uid, at + GRACE_SECONDS)
        self._changed.set()

    def drop(self) -> None:
        """There is no lease, or it has no end."""
        self._due = None
        self._changed.set()

    async def passed(self) -> str:
        """Waits for the deadline to pass, for ever if there is none: the lease's uid. Each deadline passes once."""
        while True:
            self._changed.clear()
            left = _LOOK_SECONDS if self._due is None else self._due.at - self._clock()
            if self._due is not None and left <= 0:
                uid, self._due = self._due.uid, None
                return uid
            await self._wait(None if self._due is None else min(left, _LOOK_SECONDS))

    async def _wait(self, seconds: float | None) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._changed.wait()
        except TimeoutError:
            return
