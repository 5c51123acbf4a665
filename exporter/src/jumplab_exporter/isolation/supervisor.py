"""The process of a unit for as long as one lease: started, watched, started anew where it ends, and ended."""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from jumplab.driver import errors
from jumplab.protocol.v1.session_pb2 import LogLine
from jumplab.session.client.attaching import attach
from jumplab.session.client.loader import ClientClasses
from jumplab.session.client.session import Session
from jumplab.system_errors import system_sentence
from jumplab.transport.backoff import Backoff
from jumplab.transport.first_completed import first_completed
from jumplab_exporter.isolation.child import Task
from jumplab_exporter.isolation.process import Greeting, IsolatedProcess, started

_SETTING_UP_SECONDS = 55.0
"""Less than what the exporter gives a driver, so that this bound is the one that is named."""
_TEARING_DOWN_SECONDS = 25.0
_CLOSING_SECONDS = 2.0
_BEAT_SECONDS = 0.5
_LASTING = timedelta(minutes=1)
_STARTS_IN_A_ROW = 5


@dataclass(frozen=True, slots=True)
class Watching:
    """How a process is asked whether it serves.  silent_seconds: without an answer for so long it is killed."""

    pause_seconds: float = 5.0
    silent_seconds: float = 15.0


@dataclass(frozen=True, slots=True)
class Running:
    """A process that serves.  session: with its drivers.  control: the uuid of its Control.  end: the cause, when it
    has ended, as the end of a sentence.
    """

    session: Session
    control: str
    end: "asyncio.Future[str]"


class Supervisor:
    """title: the unit's, for sentences.  paths: of its drivers, by their uuids, for log lines.

    note_incident: called with a path and a sentence when the process has ended by itself.
    """

    def __init__(
        self, task: Task, title: str, note_incident: Callable[[str, str], None], watching: Watching = Watching()
    ) -> None:
        self._task = task
        self.title = title
        self._note_incident = note_incident
        self._watching = watching
        self._users = 0
        self._left = asyncio.Event()
        self._life: asyncio.Task[None] | None = None
        self._running: asyncio.Future[Running] | None = None
        self.paths: dict[str, str] = {}

    async def enter(self) -> None:
        """One more of its drivers is set up: the first one starts the process. Raises ConnectionError."""
        self._users += 1
        if self._life is None:
            self._running = asyncio.get_running_loop().create_future()  # before its task runs, others wait for it
            self._life = asyncio.create_task(self._live(), name=f"the process of {self.title}")
        try:
            await self.running()
        except BaseException:
            await self.leave()
            raise

    async def leave(self) -> None:
        """One of its drivers is torn down: the last one ends the process, and returns when it is gone."""
        self._users -= 1
        if not self._users and self._life is not None:
            self._left.set()
            await self._life

    async def running(self) -> Running:
        """The process, once it serves. Raises ConnectionError, with the reason, where it does not come to that."""
        assert self._running is not None  # it has been entered
        return await asyncio.shield(self._running)

    async def _live(self) -> None:
        try:
            await self._keep_running()
        finally:
            self._fail("is not there any more")  # nobody waits in vain

    async def _keep_running(self) -> None:
        """One process after the other."""
        backoff, starts = Backoff(), 0
        loop = asyncio.get_running_loop()
        while not self._left.is_set():
            if self._running is None or self._running.done():
                self._running = loop.create_future()
            began, starts = loop.time(), starts + 1
            served, cause = await self._one()
            if self._left.is_set():
                return
            if timedelta(seconds=loop.time() - began) > _LASTING:
                backoff.reset()
                starts = 1
            if not served and starts == 1:
                return  # its drivers did not start, and are reported so
            lasting = starts < _STARTS_IN_A_ROW
            self._note_end(cause, goes_on=lasting)
            if not lasting:
                return
            await first_completed({"pause": backoff.wait(), "left": _set(self._left)})

    async def _one(self) -> tuple[bool, str]:
        """Runs one process to its end: whether it has served, and the cause of its end."""
        assert self._running is not None
        try:
            async with started(self._task) as process:
                greeting = await self._greeting(process)
                if isinstance(greeting, str):
                    return self._not_started(greeting)
                cause = await self._serve(process, greeting)
        except OSError as error:
            return self._not_started(f"could not be started: {system_sentence(error)}")
        return True, cause

    async def _greeting(self, process: IsolatedProcess) -> Greeting | str:
        """The greeting, or why there is none."""
        greeting, left = asyncio.ensure_future(process.greeting()), asyncio.ensure_future(self._left.wait())
        try:
            await asyncio.wait({greeting, left}, timeout=_SETTING_UP_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            if greeting.done():
                return greeting.result() or f"{await process.ended()} while its drivers were set up"
            if left.done():
                return "was ended with the lease while its drivers were set up"
            return f"was killed, since its drivers were not set up within {_SETTING_UP_SECONDS:.0f} s"
        finally:
            greeting.cancel()
            left.cancel()

    def _not_started(self, cause: str) -> tuple[bool, str]:
        self._fail(cause)
        return False, cause

    def _fail(self, cause: str) -> None:
        assert self._running is not None
        if not self._running.done():
            self._running.set_exception(ConnectionError(f"the process of {self.title} {cause}"))
            self._running.exception()  # perhaps nobody waits for it

    async def _serve(self, process: IsolatedProcess, greeting: Greeting) -> str:
        assert self._running is not None
        end: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        cause = "has ended with the lease"
        try:
            async with attach(process.link(), classes=ClientClasses(allow=None)) as session:
                session.on_log = self._log_line
                self._running.set_result(Running(session, greeting.control, end))
                cause = await self._watched(process, session, greeting.control) or cause
        except errors.DriverError as error:
            cause = f"does not serve: {error}"
        finally:
            self._fail(cause)  # where it never came to serve
            self._running = asyncio.get_running_loop().create_future()
            end.set_result(cause)
        if self._left.is_set():
            await self._end(process)
        return cause

    async def _watched(self, process: IsolatedProcess, session: Session, control: str) -> str:
        """Until the process ends, or is to: why."""
        first = await first_completed(
            {
                "left": _set(self._left),
                "process": process.ended(),
                "session": _done(session.ended),
                "silence": self._silence(session, control),
            }
        )
        if first == "left":
            return ""
        if first == "silence":
            await process.dump()
            silent = self._watching.silent_seconds
            return f"was killed, since it had not answered for {silent:g} s: its code holds the interpreter"
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_CLOSING_SECONDS):
                return await process.ended()
        await process.kill()
        return "was killed, since it had ended its session"

    async def _silence(self, session: Session, control: str) -> None:
        """Returns when the process has not answered for too long; that is counted in beats of our own loop, so that a
        machine that stood still has silenced nobody."""
        while True:
            ping = asyncio.ensure_future(session.call(control, "ping", b"{}"))
            try:
                for _ in range(int(self._watching.silent_seconds / _BEAT_SECONDS)):
                    done, _ = await asyncio.wait([ping], timeout=_BEAT_SECONDS)
                    if done:
                        break
                else:
                    return
            finally:
                ping.cancel()
                await asyncio.gather(ping, return_exceptions=True)
            await asyncio.sleep(self._watching.pause_seconds)

    async def _end(self, process: IsolatedProcess) -> None:
        """The session is closed, so that the process tears its drivers down and ends; not in time, it is killed."""
        try:
            async with asyncio.timeout(_TEARING_DOWN_SECONDS):
                await process.ended()
        except TimeoutError:
            sentence = f"the process of {self.title} was killed: its drivers were not torn down within"
            logging.getLogger(__name__).error("%s %g s", sentence, _TEARING_DOWN_SECONDS)
            await process.kill()

    def _note_end(self, cause: str, *, goes_on: bool) -> None:
        follows = (
            "it is started anew: its drivers are set up again, know nothing of before, and the board is as it was left"
            if goes_on
            else f"{_STARTS_IN_A_ROW} processes in a row have ended within a minute each, and this lease gets no other"
        )
        if not goes_on:
            self._fail(cause)
        first = next(iter(self._task.entries))
        self._note_incident(first, f"the process of {self.title} {cause}; {follows}")

    def _log_line(self, line: LogLine) -> None:
        """A line that a driver has logged there is one that it has logged here."""
        path = self.paths.get(line.driver_uuid, "")
        logger = logging.getLogger(f"jumplab.driver.{path}")
        level = logging.getLevelNamesMapping().get(line.severity, logging.INFO)
        logger.log(level, "%s", line.message, extra={"driver_uuid": line.driver_uuid, "driver_path": path})


async def _set(event: asyncio.Event) -> None:
    await event.wait()


async def _done(future: "asyncio.Future[errors.DriverError]") -> None:
    await asyncio.shield(future)
