"""Waiting for a server, where nothing can be watched."""

from __future__ import annotations

import time
from collections.abc import Callable

_BOUND_SECONDS = 240


def eventually(holds: Callable[[], bool], what: str) -> None:
    """Returns once it holds; the bound is for a server that never gets there."""
    deadline = time.monotonic() + _BOUND_SECONDS
    while not holds():
        assert time.monotonic() < deadline, f"never: {what}"
        time.sleep(0.02)
