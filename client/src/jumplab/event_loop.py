"""The event loop that Jumplab's own threads and processes run in: uvloop, which does the same work in half the time.

It is loaded when the first one starts: a command that only prints something does without.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


def new() -> asyncio.AbstractEventLoop:
    """The loop that is quickest here (Windows has asyncio's own alone)."""
    try:
        from uvloop import new_event_loop
    except ImportError:
        return asyncio.new_event_loop()
    return new_event_loop()


def run(main: Coroutine[Any, Any, T]) -> T:
    """asyncio.run, in that loop."""
    with asyncio.Runner(loop_factory=new) as runner:
        return runner.run(main)
