"""How far a long call is: told by its driver, heard by its caller.

progress(written_bytes, size_bytes, "writing")      # in a driver's method, be it a coroutine or a plain function

with on_progress(print):                            # around calls, plain or with asyncio
    board.flasher.flash("firmware", "image.bin")
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


OnProgress = Callable[[Progress], None]

_reporter: contextvars.ContextVar[OnProgress | None] = contextvars.ContextVar("reporter", default=None)
_listener: contextvars.ContextVar[OnProgress | None] = contextvars.ContextVar("listener", default=None)


def progress(done: int, total: int | None = None, text: str = "") -> None:
    """Tells the caller of the running method how far it is.

    As often as is convenient: it never waits, and the caller hears the latest word, not every one. Without effect where
    nobody listens. Negative numbers count as 0.
    """
    report = _reporter.get()
    if report is not None:
        report(Progress(max(0, done), None if total is None else max(0, total), text))


@contextmanager
def on_progress(hear: OnProgress) -> Iterator[None]:
    """Calls `hear` with the progress of the calls made inside, until each of them has ended.

    It is called in the session's event loop (for plain code: in another thread), and must not block.
    """
    token = _listener.set(hear)
    try:
        yield
    finally:
        _listener.reset(token)


def listener() -> OnProgress | None:
    """Who wants to hear of the calls made here, for sessions."""
    return _listener.get()


def reporter() -> OnProgress | None:
    """Who gets what `progress` is told here, for what passes calls on."""
    return _reporter.get()


@contextmanager
def reporting_to(report: OnProgress) -> Iterator[None]:
    """What the driver's code inside says of its progress goes to `tell`, from whichever thread; for sessions."""
    token = _reporter.set(report)
    try:
        yield
    finally:
        _reporter.reset(token)
