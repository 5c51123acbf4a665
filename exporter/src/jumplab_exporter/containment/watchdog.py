"""Names what blocks the event loop, and ends it: a thread that looks whether the loop still beats.

Blocked for two seconds, the driver, its method and the line are in the log. Blocked for five, the code is interrupted:
a signal to the main thread raises LoopBlocked there, out of Python code and out of most calls of the system. A library
that goes on waiting at a signal is only named; one that holds the interpreter's lock is not even that.
"""

import asyncio
import logging
import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import NamedTuple, Self

from jumplab.driver import Driver
from jumplab.driver.driver import DriverLog
from jumplab.session.call_errors import LoopBlocked
from jumplab.session.host.driver_logs import driver_path

_BEAT_SECONDS = 0.5
_NAMED_AFTER_BEATS = 4
_ENDED_AFTER_BEATS = 10
_ENDED_AGAIN_BEATS = 10
_SIGNAL = signal.SIGRTMAX

_log = logging.getLogger(__name__)


class Block(NamedTuple):
    """What blocks the loop.  path: of the driver, or "";  place: the method and the line."""

    path: str
    place: str


class Watchdog:
    """Use as `with`, in the loop's own thread.  ended: called there with a driver's path and a sentence after each
    block.  blocked: whose loop it is, for sentences.
    """

    def __init__(self, ended: Callable[[str, str], None], *, blocked: str = "the exporter") -> None:
        self._ended = ended
        self._blocked = blocked
        self._loop = asyncio.get_running_loop()
        self._thread_id = threading.get_ident()
        self._stop = threading.Event()
        self._beats = 0
        self._silent = 0
        self._block: Block | None = None
        self._timer: asyncio.TimerHandle | None = None

    def __enter__(self) -> Self:
        signal.signal(_SIGNAL, self._interrupt)
        self._beat()
        threading.Thread(target=self._watch, name="watchdog of the event loop", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        if self._timer is not None:
            self._timer.cancel()

    def _beat(self) -> None:
        self._beats += 1
        self._timer = self._loop.call_later(_BEAT_SECONDS, self._beat)
        if self._block is not None:
            path, place = self._block
            seconds = self._silent * _BEAT_SECONDS
            self._block = None
            sentence = f"{place} blocked {self._blocked} for {seconds:.0f} s: no other driver was served meanwhile"
            self._ended(path, sentence)

    def _watch(self) -> None:
        seen = 0
        while not self._stop.wait(_BEAT_SECONDS):
            # Beats are counted, not seconds: a process that was stopped as a whole has not been blocked.
            self._silent = 0 if self._beats != seen else self._silent + 1
            seen = self._beats
            if self._silent == _NAMED_AFTER_BEATS:
                self._name()
            if self._silent >= _ENDED_AFTER_BEATS and not (self._silent - _ENDED_AFTER_BEATS) % _ENDED_AGAIN_BEATS:
                signal.pthread_kill(self._thread_id, _SIGNAL)

    def _name(self) -> None:
        frame = sys._current_frames().get(self._thread_id)
        self._block = block = found_in(frame) if frame is not None else Block("", "unknown code")
        message = "%s blocks %s: no other driver is served meanwhile; use `await`, or a plain function"
        _log.error(message, block.place, self._blocked, extra={"driver_path": block.path})

    def _interrupt(self, _: int, frame: FrameType | None) -> None:
        """Runs in the main thread, in the context of what it is at."""
        if self._silent < _ENDED_AFTER_BEATS or frame is None or not (driver_path.get() or found_in(frame).path):
            return
        block = self._block or found_in(frame)
        seconds = self._silent * _BEAT_SECONDS
        raise LoopBlocked(f"{block.place} was ended, since it had blocked {self._blocked} for {seconds:.0f} s")


def found_in(innermost: FrameType) -> Block:
    """The driver whose code a thread runs; its innermost line where that is no driver's."""
    frame: FrameType | None = innermost
    while frame is not None:
        candidate = frame.f_locals.get("self")
        if isinstance(candidate, Driver):
            log = getattr(candidate, "log", None)
            path = str((log.extra or {}).get("driver_path", "")) if isinstance(log, DriverLog) else ""
            return Block(path, _place(frame, type(candidate).__name__))
        frame = frame.f_back
    return Block("", _place(innermost))


def _place(frame: FrameType, owner: str = "") -> str:
    name = f"{owner}.{frame.f_code.co_name}" if owner else frame.f_code.co_name
    return f"{name} ({frame.f_code.co_filename}:{frame.f_lineno})"
