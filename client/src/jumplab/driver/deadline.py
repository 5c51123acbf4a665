"""Deadlines that travel: how long the calls made inside a block may take, also at the driver."""

import contextvars
import time
from collections.abc import Iterator
from contextlib import contextmanager

_deadline: contextvars.ContextVar[float | None] = contextvars.ContextVar("deadline", default=None)


@contextmanager
def deadline(seconds: float) -> Iterator[None]:
    """Bounds the calls made inside: the driver gets what is left of `seconds`, and a call that takes longer is
    cancelled there and raises CallTimedOut here. An outer deadline that is earlier holds.
    """
    end = time.monotonic() + seconds
    outer = _deadline.get()
    token = _deadline.set(end if outer is None else min(end, outer))
    try:
        yield
    finally:
        _deadline.reset(token)


def remaining_ms() -> int:
    """The milliseconds that are left, at least one; 0 where there is no deadline."""
    end = _deadline.get()
    return 0 if end is None else max(1, round((end - time.monotonic()) * 1000))
