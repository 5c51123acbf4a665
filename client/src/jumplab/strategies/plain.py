"""Strategies for plain code."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import ClassVar

from jumplab.driver import Portal
from jumplab.driver.errors import DriverError, SessionEnded, SessionLost
from jumplab.driver.guard import Guard, Interrupted
from jumplab.drivers.console.time_limits import TimeLimit
from jumplab.strategies.consoles import portal_of
from jumplab.strategies.core import BoardT, StateT, StrategyCore, TimeLimits, words_of
from jumplab.strategies.errors import BoardPanicked
from jumplab.strategies.ways import Probe, Way


class Strategy(StrategyCore[BoardT, StateT]):
    """The states of a board and the ways between them, for plain code.

    A subclass declares its states, `Strategy[Imx8, Literal["off", "shell"]]` or with an Enum, and a method for each
    way by `@way`; `@probe` declares methods that look whether a state still holds. In them `self.board` is the board.

    The state is unknown at the begin, after a failure and after an interruption: the next transition begins with a way
    from ANY_STATE then.
    """

    _asynchronous: ClassVar[bool] = False

    def transition(self, state: StateT, timeout: TimeLimit | None = None) -> None:
        """Brings the board into `state`, by the fewest ways. In that state it does nothing.

        timeout: for all ways together, in seconds or as a duration; a way's own limit holds as well. What a way waits
        for in calls of its board is ended at the limit; between two calls it is not. A probe of the present state is
        asked first: where it says no, the state counts as unknown.

        Raises NoSuchState, NoWayThere, TransitionFailed. An interruption (Ctrl-C) leaves the state unknown.
        """
        target, limits = self._wanted(state), TimeLimits(timeout)
        with self._transition() as since:
            if (probe := self._present_probe()) is not None:
                self._ask(probe, since)
            for way in self._ways_to(target):
                self._take(way, limits, since)

    def _ask(self, probe: Probe, since: int) -> None:
        guard, began, failure = Guard(), time.monotonic(), ""
        try:
            with _time_limit(guard, probe.timeout, TimeoutError(f"no answer within {probe.timeout:g} s")), guard:
                failure = "" if getattr(self, probe.name)() else "it is in another one"
        except Interrupted as interrupted:
            if interrupted.reason is not guard.reason:
                raise
            failure = words_of(interrupted.reason)
        except (SessionEnded, SessionLost):
            raise
        except (DriverError, AssertionError, TimeoutError) as error:
            failure = words_of(error)
        except Exception as error:  # a mistake in the probe
            raise self._failed(self._probed(probe, began, words_of(error)), error, since, "") from error
        self._probed(probe, began, failure)

    def _take(self, way: Way, limits: TimeLimits, since: int) -> None:
        portal = portal_of(self.board)
        with self._stepping(way) as stepping:
            try:
                self._go(way, limits, portal)
            # Whatever a way of the user raises is told with what was done, and is the cause.
            except Exception as error:
                step = stepping.end(words_of(error))
                raise self._failed(step, error, since, self._last_lines(portal)) from error
            stepping.end()

    def _go(self, way: Way, limits: TimeLimits, portal: Portal | None) -> None:
        guard, (seconds, exceeded) = Guard(), limits.of(way)
        try:
            with _time_limit(guard, seconds, exceeded), guard:
                if portal is not None:
                    portal.run(self._listening().begin())
                with self._watching(guard, portal):
                    getattr(self, way.name)()
                guard.check()
        except Interrupted as interrupted:
            if interrupted.reason is not guard.reason:
                raise
            raise interrupted.reason.with_traceback(interrupted.__traceback__) from None

    def _last_lines(self, portal: Portal | None) -> str:
        if portal is not None:
            with suppress(DriverError):  # the session is closed
                return portal.run(self._listening().last_lines())
        return ""

    @contextmanager
    def _watching(self, guard: Guard, portal: Portal | None) -> Iterator[None]:
        """Interrupts the guard's thread as soon as a console says that the board can't go on."""
        if portal is None or not self.panics:
            yield
            return

        async def watch() -> None:
            try:
                await self._listening().watch(self.panics)
            except BoardPanicked as error:
                guard.interrupt(error)

        watching = portal.begin(watch(), "watching for panics")
        try:
            yield
        finally:
            watching.cancel()
            watching.ended.acquire()


@contextmanager
def _time_limit(guard: Guard, seconds: float | None, error: TimeoutError) -> Iterator[None]:
    """Interrupts the guard's thread after so many seconds."""
    if seconds is None:
        yield
        return
    timer = threading.Timer(seconds, guard.interrupt, [error])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
