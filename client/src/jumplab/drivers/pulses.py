"""States that last for a given time."""

import asyncio
from collections.abc import Awaitable, Callable

_LONGEST_SECONDS = 600.0


async def pulse(begin: Callable[[], Awaitable[None]], end: Callable[[], Awaitable[None]], seconds: float) -> None:
    """Calls `begin`, waits, calls `end`: also where it is cancelled, or `begin` has failed half-way.

    Raises ValueError for a length that is none, before anything is called.
    """
    if not 0 < seconds <= _LONGEST_SECONDS:
        raise ValueError(f"seconds must be greater than 0 and at most {_LONGEST_SECONDS:g}, not {seconds:g}")
    try:
        await begin()
        await asyncio.sleep(seconds)
    finally:
        await end()
