"""How far a long call is: told by its driver, heard by its caller.

progress(written_bytes, size_bytes, "writing")      # in a driver's method, be it a coroutine or a plain function

with on_progress(print):                            # around calls, plain or with asyncio
    board.flasher.flash("image.bin")
"""

import contextvars
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a call is.  done: of `total`, in any unit;  total: None where it is not known;  text: what is done."""

    done: int
    total: int | None = None
    text: str = ""

    def __str__(self) -> str:
        counted = f"{self.done}" if self.total is None else f"{self.done} of {self.total}"
        return f"{self.text} {counted}" if self.text else counted


Hear = Callable[[Progress], None]

_told: contextvars.ContextVar[Hear | None] = contextvars.ContextVar("told", default=None)
_heard: contextvars.ContextVar[Hear | None] = contextvars.ContextVar("heard", default=None)


def progress(done: int, total: int | None = None, text: str = "") -> None:
    """Tells the caller of the running method how far it is.

    As often as is convenient: it never waits, and the caller hears the latest word, not every one. Without effect where
    nobody listens. Negative numbers count as 0.
    """
    tell = _told.get()
    if tell is not None:
        tell(Progress(max(0, done), None if total is None else max(0, total), text))


@contextmanager
def on_progress(hear: Hear) -> Iterator[None]:
    """Calls `hear` with the progress of the calls made inside, until each of them has ended.

    It is called in the session's event loop (for plain code: in another thread), and must not block.
    """
    token = _heard.set(hear)
    try:
        yield
    finally:
        _heard.reset(token)


def listener() -> Hear | None:
    """Who wants to hear of the calls made here, for sessions."""
    return _heard.get()


@contextmanager
def told_to(tell: Hear) -> Iterator[None]:
    """What the driver's code inside says of its progress goes to `tell`, from whichever thread; for sessions."""
    token = _told.set(tell)
    try:
        yield
    finally:
        _told.reset(token)
