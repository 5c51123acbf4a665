"""Timing. It imports next to nothing, so that a process that times commands is there at once."""

import math
import time
from collections.abc import Callable


def timed(count: int, action: Callable[[], object]) -> list[float]:
    """How many seconds each of `count` runs of the action takes."""
    times = []
    for _ in range(count):
        begin = time.perf_counter()
        action()
        times.append(time.perf_counter() - begin)
    return times


def quantile(times: list[float], part: float) -> float:
    """The time that `part` of them stay below: at 0.5 the upper median, at 0.99 of few the longest."""
    return sorted(times)[min(math.floor(len(times) * part), len(times) - 1)]


def milliseconds(seconds: float) -> float:
    """For a person to read: three decimals."""
    return round(seconds * 1e3, 3)
