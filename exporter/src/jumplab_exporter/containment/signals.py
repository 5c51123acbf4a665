"""SIGTERM and SIGINT: the first asks the process to end, the second ends it, whatever drivers do."""

import asyncio
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

_NUMBERS = (signal.SIGTERM, signal.SIGINT)


@contextmanager
def ending_signals(stop: Callable[[], None]) -> Iterator[None]:
    """Calls `stop` in the event loop at the first signal.

    The handlers are Python's own, not the loop's: these run also while a driver blocks the loop.
    """
    loop = asyncio.get_running_loop()
    seen: list[int] = []

    def handle(number: int, _: FrameType | None) -> None:
        seen.append(number)
        if len(seen) > 1:
            os._exit(128 + number)
        loop.call_soon_threadsafe(stop)

    before = {number: signal.signal(number, handle) for number in _NUMBERS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
