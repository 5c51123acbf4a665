"""How often one caller may ask: in its own time, so that one at full speed doesn't take the time of all others.

A caller that asks faster than its rate waits a moment for its turn: one that asks one thing after the other never
notices a refusal. Only where more of its requests wait than a second has turns for are the next ones refused.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

RATE = 200
"""Requests a second of one caller."""
BURST = 400
"""So many at once are let through without a wait."""
_LONGEST_WAIT_SECONDS = 1.0
_FORGOTTEN_AT = 10_000


class AsksTooOften(Exception):
    """A request that is not carried out.  seconds: when to come back."""

    def __init__(self, caller: str) -> None:
        self.seconds = _LONGEST_WAIT_SECONDS
        super().__init__(
            f"{caller} asks too often: {RATE} requests a second are carried out; try again in {self.seconds:.0f} s"
        )


@dataclass(frozen=True, slots=True)
class _Turn:
    wait: float
    is_refused: bool


class CallRates:
    """The turns of all callers, each by a name of its own."""

    def __init__(self, time: Callable[[], float], rate: float = RATE, burst: int = BURST) -> None:
        self._time = time
        self._each = 1 / rate
        self._tolerated = burst / rate
        self._next: dict[str, float] = {}  # when the turn comes of who has used up its burst

    async def wait(self, caller: str) -> None:
        """Returns when it is the caller's turn. Raises AsksTooOften, not sooner than a turn would have come."""
        turn = self._turn(caller)
        if turn.wait > 0:
            await asyncio.sleep(turn.wait)
        if turn.is_refused:
            raise AsksTooOften(caller)

    def _turn(self, caller: str) -> _Turn:
        now = self._time()
        if len(self._next) > _FORGOTTEN_AT:
            self._next = {each: at for each, at in self._next.items() if at > now}
        at = max(self._next.get(caller, now), now)
        wait = max(at - now - self._tolerated, 0.0)
        if wait > _LONGEST_WAIT_SECONDS:
            return _Turn(_LONGEST_WAIT_SECONDS, is_refused=True)
        self._next[caller] = at + self._each
        return _Turn(wait, is_refused=False)
