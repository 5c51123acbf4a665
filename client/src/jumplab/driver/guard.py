"""Ends what a thread waits for in a portal, from elsewhere: at a time limit, or for what another task has seen."""

import contextvars
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self


class Interrupted(BaseException):
    """The thread's wait was ended by `Guard.interrupt`.  reason: what it was given.

    No Exception: code that takes errors of calls for something usual must not take this for one.
    """

    def __init__(self, reason: Exception) -> None:
        super().__init__(reason)
        self.reason = reason


class Guard:
    """`with guard:` lets other threads end, once, what this thread waits for in portals.

    What runs in the portal is cancelled, and the thread gets Interrupted out of the call; where it waits for nothing at
    that moment, out of its next one. Its calls afterwards, to clean up, are not ended. Guards may be nested.
    """

    def __init__(self) -> None:
        self.reason: Exception | None = None
        self._lock = threading.Lock()
        self._raised = False
        self._cancel: Callable[[], object] | None = None
        self._outer: Guard | None = None
        self._token: contextvars.Token[Guard | None] | None = None

    def __enter__(self) -> Self:
        self._outer = _current.get()
        self._token = _current.set(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        assert self._token is not None
        _current.reset(self._token)

    def interrupt(self, reason: Exception) -> None:
        """Ends the wait. Only the first reason counts. From any thread."""
        with self._lock:
            if self.reason is not None:
                return
            self.reason = reason
            cancel = self._cancel
        if cancel is not None:  # without the lock: it may need one that the thread holds
            cancel()

    @property
    def pending(self) -> bool:
        """Whether the thread is to be interrupted and has not been yet."""
        return (self.reason is not None and not self._raised) or (self._outer is not None and self._outer.pending)

    def begin_wait(self, cancel: Callable[[], object]) -> None:
        """The thread is about to wait for what `cancel` ends."""
        if self._outer is not None:
            self._outer.begin_wait(cancel)
        with self._lock:
            self._cancel = cancel
            interrupted = self.reason is not None and not self._raised
        if interrupted:
            cancel()

    def end_wait(self) -> None:
        """The thread waits no longer."""
        if self._outer is not None:
            self._outer.end_wait()
        with self._lock:
            self._cancel = None

    def check(self) -> None:
        """Raises Interrupted where it was interrupted; once."""
        if self._outer is not None:
            self._outer.check()
        with self._lock:
            if self.reason is None or self._raised:
                return
            self._raised = True
        raise Interrupted(self.reason)


def current_guard() -> Guard | None:
    """The guard that this thread has entered last."""
    return _current.get()


_current: contextvars.ContextVar[Guard | None] = contextvars.ContextVar("guard", default=None)
