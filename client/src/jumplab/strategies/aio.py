"""Strategies for asyncio."""

import asyncio
import time
from typing import ClassVar

from jumplab.driver.errors import DriverError, SessionEnded, SessionLost
from jumplab.drivers.console.time_limits import TimeLimit
from jumplab.strategies.core import BoardT, StateT, StrategyCore, TimeLimits, words_of
from jumplab.strategies.ways import Probe, Way
from jumplab.transport.first_completed import first_completed


class AsyncStrategy(StrategyCore[BoardT, StateT]):
    """Strategy for asyncio: its ways and probes are coroutines, and its board is an AsyncBoard."""

    _asynchronous: ClassVar[bool] = True

    async def transition(self, state: StateT, timeout: TimeLimit | None = None) -> None:
        """Brings the board into `state`, by the fewest ways. In that state it does nothing.

        timeout: for all ways together, in seconds or as a duration; a way's own limit holds as well. A way is cancelled
        at the limit. A probe of the present state is asked first: where it says no, the state counts as unknown.

        Raises NoSuchState, NoWayThere, TransitionFailed. Cancelling leaves the state unknown.
        """
        target, limits = self._wanted(state), TimeLimits(timeout)
        with self._transition() as since:
            if (probe := self._present_probe()) is not None:
                await self._ask(probe, since)
            for way in self._ways_to(target):
                await self._take(way, limits, since)

    async def _ask(self, probe: Probe, since: int) -> None:
        began, failure = time.monotonic(), ""
        try:
            async with asyncio.timeout(probe.timeout) as limit:
                failure = "" if await getattr(self, probe.name)() else "it is in another one"
        except (SessionEnded, SessionLost):
            raise
        except (DriverError, AssertionError, TimeoutError) as error:
            failure = f"no answer within {probe.timeout:g} s" if limit.expired() else words_of(error)
        except Exception as error:  # a mistake in the probe
            raise self._failed(self._probed(probe, began, words_of(error)), error, since, "") from error
        self._probed(probe, began, failure)

    async def _take(self, way: Way, limits: TimeLimits, since: int) -> None:
        with self._stepping(way) as stepping:
            try:
                await self._go(way, limits)
            # Whatever a way of the user raises is told with what was done, and is the cause.
            except Exception as error:
                step = stepping.end(words_of(error))
                raise self._failed(step, error, since, await self._listening().last_lines()) from error
            stepping.end()

    async def _go(self, way: Way, limits: TimeLimits) -> None:
        seconds, exceeded = limits.of(way)
        try:
            async with asyncio.timeout(seconds) as limit:
                await self._listening().begin()
                watching = self._listening().watch(self.panics)
                await first_completed({"watching for panics": watching, way.name: getattr(self, way.name)()})
        except TimeoutError:
            if limit.expired():
                raise exceeded from None
            raise
