"""A command that runs in a lease: signals, its parent's end and the lease's end reach it in order."""

import asyncio
import signal
from contextlib import suppress
from dataclasses import dataclass, field

from jumplab.cli import job
from jumplab.cli.exit_status import print_note
from jumplab.cli.running import Interruption

GRACE_SECONDS = 10.0
"""How long a command that is ended has between SIGTERM and SIGKILL."""
_HASTE_SECONDS = 5.0
_KILLED_SECONDS = 1.0
_SAME_MOMENT_SECONDS = 0.1
"""`timeout` sends its signal to a process, and then to the group that the process is in."""
_ENDING = (signal.SIGTERM, signal.SIGHUP)


@dataclass(slots=True)
class LeasedCommand:
    """What is to become of a command that runs.

    interactive: it is the user's shell, which SIGTERM does not end, but SIGHUP does.
    """

    running: job.Job
    interactive: bool
    lease_lost: bool = False
    _received: list[tuple[int, float]] = field(default_factory=list)
    _ending: bool = False
    _over: bool = False
    _killing: asyncio.Task[None] | None = None

    def interrupted(self, interruption: Interruption) -> None:
        """Hands a signal on, once; a second SIGTERM bounds the time that the command has, a third one ends it."""
        if self._over:  # what follows the command is bounded, and not to be interrupted
            return
        if interruption.parent_ended:
            print_note("the parent process has ended; the command is ended too")
            self.end()
            return
        now, number = asyncio.get_running_loop().time(), interruption.number
        before = [at for other, at in self._received if other == number]
        if before and now - before[-1] < _SAME_MOMENT_SECONDS:
            return
        self._received.append((number, now))
        if number == signal.SIGTERM and len(before) > 1:
            self.running.send_signal(signal.SIGKILL)
        elif number == signal.SIGTERM and before:
            self._kill_after(_HASTE_SECONDS)
        else:
            self._hand_on(number)

    def lose_lease(self) -> None:
        """Ends the command, whose lease has ended."""
        self.lease_lost = True
        self.end()

    def end(self) -> None:
        """Ends the command, unless it is about to be killed: SIGTERM, and SIGKILL after GRACE_SECONDS."""
        if self._killing is not None:
            return
        self._hand_on(signal.SIGTERM)
        self._kill_after(GRACE_SECONDS)

    async def wait(self) -> int:
        """The exit status of the command. Where it was to end, what it has started ends as well."""
        try:
            status = await self.running.wait()
            if self._ending:
                await self._end_of_all()
        except asyncio.CancelledError:
            await self._end_at_once()
            raise
        finally:
            self._over = True
            if self._killing is not None:
                self._killing.cancel()
        terminated = signal.SIGTERM in [number for number, _ in self._received]
        return 128 + signal.SIGTERM if self.interactive and terminated else status

    async def _end_of_all(self) -> None:
        """Waits until all processes of the command have ended, for at most a second after they were killed."""
        self._kill_after(GRACE_SECONDS)
        assert self._killing is not None
        empty = asyncio.create_task(self.running.until_empty(), name="end of the command's processes")
        try:
            await asyncio.wait([self._killing, empty], return_when=asyncio.FIRST_COMPLETED)
            await asyncio.wait([empty], timeout=_KILLED_SECONDS)
        finally:
            empty.cancel()

    async def _end_at_once(self) -> None:
        self.running.send_signal(signal.SIGHUP)
        with suppress(TimeoutError):
            async with asyncio.timeout(_HASTE_SECONDS):
                await self.running.wait()
                return
        self.running.send_signal(signal.SIGKILL)
        await self.running.wait()

    def _hand_on(self, number: int) -> None:
        self._ending = self._ending or number in _ENDING
        if self.interactive and number == signal.SIGTERM:
            number = signal.SIGHUP
        self.running.send_signal(number)
        if self.interactive and number == signal.SIGHUP:
            self._kill_after(_HASTE_SECONDS)

    def _kill_after(self, seconds: float) -> None:
        """Only the first bound counts."""
        if self._killing is None:
            self._killing = asyncio.create_task(self._kill(seconds), name="end of the command")

    async def _kill(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        print_note(f"the command did not end within {seconds:g} s and is killed")
        self.running.send_signal(signal.SIGKILL)
