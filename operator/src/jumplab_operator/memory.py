"""Memory that was needed for a moment goes back to the system; the C library alone keeps it for later.

A burst of calls leaves its pieces all over the heap: after 200 MiB of them 50 MiB stayed resident for good.
"""

import asyncio
import ctypes
import os
from collections.abc import Callable
from pathlib import Path

_LOOK_SECONDS = 20.0
_GROWN_BYTES = 8 * 1024 * 1024
"""It is tried while this much more is resident than at the least: a pass takes milliseconds."""
_STATM = Path("/proc/self/statm")


async def give_back_memory() -> None:
    """Goes on until it is cancelled; returns at once where the C library can't do it."""
    trim = _trim()
    if trim is None:
        return
    least = resident_bytes()
    while True:
        await asyncio.sleep(_LOOK_SECONDS)
        # Against the least of all time: a pass in the middle of a burst finds little to give back, and what the
        # burst frees at its end is found by the passes after it alone.
        least = min(least, resident_bytes())
        if resident_bytes() > least + _GROWN_BYTES:
            await asyncio.to_thread(trim, 0)


def resident_bytes() -> int:
    """How much memory of this process is resident."""
    return int(_STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _trim() -> Callable[[int], int] | None:
    """glibc's malloc_trim: it locks one arena at a time, and lets Python run meanwhile."""
    found: Callable[[int], int] | None = getattr(ctypes.CDLL(None), "malloc_trim", None)
    return found
