"""An event loop whose time stands still until the test moves it, and which runs as far as the test lets it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from selectors import BaseSelector

from jumplab_operator.clock import SystemClock

START = datetime(2026, 8, 1, 12, tzinfo=UTC)
_RESTLESS = 20_000


class VirtualLoop(asyncio.SelectorEventLoop):
    """Time is seconds since `start`. It must not wait for sockets or threads: nothing would ever come of it."""

    start = START

    def __init__(self, selector: BaseSelector | None = None) -> None:
        super().__init__(selector)
        self._moment = 0.0

    def time(self) -> float:
        return self._moment

    def step(self, rounds: int) -> bool:
        """Runs what can be run without time passing, for so many rounds at most; whether there is anything left."""
        for _ in range(rounds):
            if not self._has_work():
                return False
            self._turn()
        return self._has_work()

    def settle(self) -> None:
        """Runs until nothing is left to do before time passes. Fails where that never comes."""
        restless = self.step(_RESTLESS)
        assert not restless, f"the operator does not come to rest: {list(self._ready)[:5]} {self._scheduled[:1]}"

    def advance(self, length: timedelta) -> None:
        """Lets time pass, from one timer to the next."""
        end = self._moment + length.total_seconds()
        while (upcoming := self._next_timer()) is not None and upcoming <= end:
            self._moment = max(self._moment, upcoming)
            self.settle()
        self._moment = end
        self.settle()

    def _turn(self) -> None:
        self.call_soon(self.stop)
        self.run_forever()

    def _has_work(self) -> bool:
        upcoming = self._next_timer()
        return bool(self._ready) or (upcoming is not None and upcoming <= self._moment)

    def _next_timer(self) -> float | None:
        # asyncio keeps both to itself; there is no other way to ask a loop whether it has anything left to do.
        return self._scheduled[0].when() if self._scheduled else None


class VirtualClock(SystemClock):
    """The loop's time as the operator reads it; what waits, waits on the loop."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop

    def now(self) -> datetime:
        return self._loop.start + timedelta(seconds=self._loop.time())
