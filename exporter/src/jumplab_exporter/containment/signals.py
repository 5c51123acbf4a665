"""SIGTERM and SIGINT: the first asks the process to end, the second ends it, whatever drivers do. SIGHUP reloads."""

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


@contextmanager
def hang_up_signal(reload: Callable[[], None]) -> Iterator[None]:
    """Calls `reload` in the event loop at SIGHUP, where no terminal could send it to say that it is gone.

    Where the signal is ignored, as `nohup` has it, it stays so.
    """
    if _has_terminal() or signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        yield
        return
    loop = asyncio.get_running_loop()
    before = signal.signal(signal.SIGHUP, lambda _number, _frame: loop.call_soon_threadsafe(reload))
    try:
        yield
    finally:
        signal.signal(signal.SIGHUP, before)


def _has_terminal() -> bool:
    """Whether the process has a controlling terminal."""
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC))
    except OSError:
        return False
    return True
