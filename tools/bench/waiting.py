"""Waiting for what only asking can tell."""

import time
from collections.abc import Callable

_TELL_SECONDS = 5.0


def wait_until(
    ready: Callable[[], bool],
    what: str,
    bound_seconds: float,
    *,
    every_seconds: float = 0.1,
    tell: Callable[[], None] = lambda: None,
) -> None:
    """Asks until `ready()`, and calls `tell` every five seconds meanwhile. Raises TimeoutError with `what`."""
    begin = told = time.monotonic()
    while not ready():
        now = time.monotonic()
        if now - begin > bound_seconds:
            raise TimeoutError(f"{what} took more than {bound_seconds:.0f} s")
        if now - told > _TELL_SECONDS:
            told = now
            tell()
        time.sleep(every_seconds)
