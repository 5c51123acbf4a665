"""How often one caller may ask: in its own time, so that one at full speed doesn't take the time of all others.

A caller that asks faster than its rate waits a moment for its turn: one that asks one thing after the other never
notices a refusal. Only where more of its requests wait than a second has turns for are the next ones refused.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from dataclasses import dataclass

RATE = 200
"""Requests a second of one caller."""
BURST = 400
"""So many at once are let through without a wait."""
FREE_BYTES = 4 * 1024
"""A request counts as one more for each piece of this size: parsing and checking it takes the time of those."""
_LONGEST_WAIT_SECONDS = 1.0
_FORGOTTEN_AT = 10_000


class AsksTooOften(Exception):
    """A request that is not carried out.  seconds: when to come back."""

    def __init__(self, caller: str, seconds: int) -> None:
        self.seconds = seconds
        super().__init__(
            f"{caller} asks too often: {RATE} requests a second are carried out, and each {FREE_BYTES // 1024} KiB of "
            f"them count as one; try again in {seconds} s"
        )


@dataclass(frozen=True, slots=True)
class _Turn:
    wait: float
    refused_for: int = 0
    """Seconds; 0: it is not refused."""


class CallRates:
    """The turns of all callers, each by a name of its own."""

    def __init__(self, time: Callable[[], float], rate: float = RATE, burst: int = BURST) -> None:
        self._time = time
        self._each = 1 / rate
        self._tolerated = burst / rate
        self._next: dict[str, float] = {}  # when the turn comes of who has used up its burst

    async def wait(self, caller: str, size_bytes: int = 0) -> None:
        """Returns when it is the caller's turn. Raises AsksTooOften, not sooner than a turn would have come."""
        turn = self._turn(caller, 1 + size_bytes // FREE_BYTES)
        if turn.wait > 0:
            await asyncio.sleep(turn.wait)
        if turn.refused_for:
            raise AsksTooOften(caller, turn.refused_for)

    def _turn(self, caller: str, turns: int = 1) -> _Turn:
        now = self._time()
        if len(self._next) > _FORGOTTEN_AT:
            self._next = {each: at for each, at in self._next.items() if at > now}
        at = max(self._next.get(caller, now), now)
        wait = max(at - now - self._tolerated, 0.0)
        if wait > _LONGEST_WAIT_SECONDS:
            return _Turn(_LONGEST_WAIT_SECONDS, max(1, math.ceil(wait - _LONGEST_WAIT_SECONDS)))
        self._next[caller] = at + turns * self._each
        return _Turn(wait)
