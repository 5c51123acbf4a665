"""The cost of one input at sizes that double up to its limit."""

from __future__ import annotations

import gc
import math
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

BOUND_MS = 50.0
"""So long may one input hold the event loop."""
STEEPEST = 1.4
"""As a power of the size: 1 is linear, 2 its square. Between the two, noise and logarithms have room."""
_TRIES = 2
_DOUBLINGS = 2
_COUNTED_PART = 16
"""To count each call takes many times as long as the call."""
_SMALL = 4_096


@dataclass(frozen=True, slots=True)
class Input:
    """What somebody sends. limit: of its size, in `unit`.  made: an input of a size, as a function that deals with it.
    holds_loop: whether that is in the event loop of a program that serves others.
    """

    name: str
    limit: int
    unit: str
    made: Callable[[int], Callable[[], object]]
    holds_loop: bool = True


@dataclass(frozen=True, slots=True)
class Cost:
    """calls: of functions, Python's and C's alike; of a large input for a sixteenth of the size.

    milliseconds: the processor's time for this thread.
    """

    size: int
    calls: int
    milliseconds: float


@dataclass(frozen=True, slots=True)
class Costs:
    """The costs of an input, the largest last."""

    input: Input
    costs: Sequence[Cost]

    @property
    def growth_of_calls(self) -> float:
        return _growth(self.costs, lambda cost: max(cost.calls, 1))

    @property
    def growth_of_time(self) -> float:
        return _growth(self.costs, lambda cost: max(cost.milliseconds, 0.001))

    @property
    def milliseconds(self) -> float:
        return self.costs[-1].milliseconds

    @property
    def is_linear(self) -> bool:
        """By the calls; by the time as well where it is long enough to be measured."""
        steep_in_time = self.growth_of_time > STEEPEST and self.milliseconds >= 1.0
        return self.growth_of_calls <= STEEPEST and not steep_in_time

    @property
    def is_within_bound(self) -> bool:
        return self.milliseconds <= BOUND_MS or not self.input.holds_loop

    def as_plain(self) -> dict[str, Any]:
        """For programs."""
        return {
            "limit": self.input.limit,
            "unit": self.input.unit,
            "costs": [{"size": c.size, "calls": c.calls, "ms": round(c.milliseconds, 3)} for c in self.costs],
            "growth_of_calls": round(self.growth_of_calls, 2),
            "growth_of_time": round(self.growth_of_time, 2),
            "linear": self.is_linear,
            "within_bound": self.is_within_bound,
        }


def measure(given: Input, part: float = 1.0) -> Costs:
    """Measures an input at a quarter, half and all of its limit. part: of a large limit, for a quick look."""
    largest = max(round(given.limit * part), min(given.limit, _SMALL))
    sizes = [largest >> halvings for halvings in reversed(range(_DOUBLINGS + 1))]
    counted = 1 if largest <= given.limit // _COUNTED_PART or largest <= _SMALL else _COUNTED_PART
    return Costs(given, [_cost(given, size, size // counted) for size in sizes])


def _cost(given: Input, size: int, counted_size: int) -> Cost:
    run = given.made(size)
    gc.collect()
    milliseconds = min(_timed(run) for _ in range(_TRIES))
    return Cost(size, _counted(given.made(counted_size)), milliseconds)


def _timed(run: Callable[[], object]) -> float:
    begin = time.thread_time_ns()
    run()
    return (time.thread_time_ns() - begin) / 1e6


def _counted(run: Callable[[], object]) -> int:
    calls = 0

    def count(_frame: object, event: str, _argument: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    sys.setprofile(count)
    try:
        run()
    finally:
        sys.setprofile(None)
    return calls


def _growth(costs: Sequence[Cost], of: Callable[[Cost], float]) -> float:
    """The power of the size that the cost grows with, from a quarter of the largest size on."""
    first, last = costs[-3], costs[-1]
    return max(0.0, math.log(of(last) / of(first)) / math.log(last.size / first.size))
