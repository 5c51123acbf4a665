"""One driver from its set-up to its tear-down, in a task of its own.

Whatever its code does to that task (ends it, cancels it, ignores that it is cancelled) is done to no other driver and
not to the session.
"""

import asyncio
import contextlib
from collections.abc import Callable

from jumplab.driver.driver import Driver
from jumplab.session.call_errors import sentence_of
from jumplab.session.host.driver_logs import speaking, traceback_of

SETTING_UP_BOUND_SECONDS = 60.0
TEARING_DOWN_BOUND_SECONDS = 30.0
_SLOW_SECONDS = 5.0
_CANCELLING_SECONDS = 2.0


def is_of_driver(error: BaseException) -> bool:
    """Whether a driver's code has raised this, and not somebody who ends the task that it runs in."""
    if isinstance(error, asyncio.CancelledError):
        task = asyncio.current_task()
        return task is not None and not task.cancelling()
    if isinstance(error, GeneratorExit):  # a coroutine that is thrown away gets one, too, outside of any task
        with contextlib.suppress(RuntimeError):
            return asyncio.current_task() is not None
        return False
    return True


class Keeper:
    """Sets up a driver, keeps it, and tears it down.  path: where it stands.  failed: called with a sentence when its
    own code has ended it in between.
    """

    def __init__(self, driver: Driver, path: str, failed: Callable[[str], None]) -> None:
        self._driver = driver
        self._path = path
        self._failed = failed
        self._leaving = asyncio.Event()
        self._set_up = asyncio.get_running_loop().create_future()
        self._task: asyncio.Task[None] | None = None

    @property
    def is_running(self) -> bool:
        """Whether code of the set-up, or what follows it, still has its task."""
        return self._task is not None and not self._task.done()

    async def set_up(self) -> str:
        """Why the driver can't be used, or "". Takes a bit more than a minute at the most."""
        self._task = asyncio.create_task(self._live(), name=f"driver {self._path}")
        try:
            if not await self._wait(self._set_up, SETTING_UP_BOUND_SECONDS, "set-up"):
                return await self._give_up(f"it was not set up within {SETTING_UP_BOUND_SECONDS:.0f} s")
        except asyncio.CancelledError:
            self._leaving.set()
            self._task.cancel()
            raise
        error: BaseException | None = self._set_up.result()
        if error is None:
            return ""
        reason = sentence_of(error)
        self._driver.log.error("did not start: %s", reason, exc_info=traceback_of(error, self._driver.log))
        return reason

    async def tear_down(self) -> None:
        """Never raises. Takes a bit more than half a minute at the most; `is_running` tells whether that was enough."""
        self._leaving.set()
        if self._task is not None and not await self._wait(self._task, TEARING_DOWN_BOUND_SECONDS, "tear-down"):
            await self._give_up(f"it was not torn down within {TEARING_DOWN_BOUND_SECONDS:.0f} s")

    async def _wait(self, end: "asyncio.Future[None]", bound_seconds: float, step: str) -> bool:
        """Whether a step has ended within its bound. One that takes long is named before."""
        done, _ = await asyncio.wait([end], timeout=min(_SLOW_SECONDS, bound_seconds))
        if not done and bound_seconds > _SLOW_SECONDS:
            message = "its %s has not ended after %g s; it has %g s"
            self._driver.log.warning(message, step, _SLOW_SECONDS, bound_seconds)
            done, _ = await asyncio.wait([end], timeout=bound_seconds - _SLOW_SECONDS)
        return bool(done)

    async def _give_up(self, reason: str) -> str:
        """Cancels what runs, and leaves it alone where it takes no notice."""
        assert self._task is not None
        self._leaving.set()
        self._task.cancel()
        await asyncio.wait([self._task], timeout=_CANCELLING_SECONDS)
        if self.is_running:
            reason += ", and its code goes on although it was cancelled"
        self._driver.log.error("%s", reason)
        return reason

    async def _live(self) -> None:
        with speaking(self._path):
            try:
                await self._driver.__aenter__()
            except BaseException as error:  # noqa: BLE001 - a driver's own code: the other drivers are set up all the same
                self._set_up.set_result(error)
                return
            self._set_up.set_result(None)
            try:
                await self._leaving.wait()
                cancelled = None
            except asyncio.CancelledError as error:
                cancelled = error
            await self._exit(cancelled)

    async def _exit(self, cancelled: asyncio.CancelledError | None) -> None:
        """Tears down.  cancelled: what ended the driver's time too early: a task group of its own, for example."""
        early = cancelled is not None and not self._leaving.is_set()
        try:
            if cancelled is None:
                await self._driver.__aexit__(None, None, None)
            else:
                await self._driver.__aexit__(type(cancelled), cancelled, cancelled.__traceback__)
        except BaseException as error:
            if not is_of_driver(error) and self._leaving.is_set():
                return  # `_give_up` has named it
            log, reason = self._driver.log, sentence_of(error)
            step = "it failed while it was in use" if early else "it failed while it was torn down"
            log.error("%s: %s", step, reason, exc_info=traceback_of(error, log))
            if early:
                self._failed(f"it failed while it was in use: {reason}")
        else:
            if early:
                self._driver.log.error("its code has ended it before the lease")
                self._failed("its code has ended it before the lease")
