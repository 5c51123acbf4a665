"""Shell commands that switch something, or tell its state."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

from pydantic import Field, StringConstraints

from jumplab_exporter.processes.child import Child

_SHELL = ("/bin/sh", "-c")
_KEPT_BYTES = 8192
_SHOWN_CHARACTERS = 500
_READ_BYTES = 65536
_LAST_OUTPUT_SECONDS = 1.0
_IS_OFF = 1
"""The exit status of a state command for what is off."""

Command = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
CommandTimeout = Annotated[timedelta, Field(gt=timedelta())]
COMMAND_TIMEOUT = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Ended:
    """A command that has ended.  output: the end of what it printed."""

    command: str
    status: int
    output: str

    def succeeded(self) -> str:
        """Its output. Raises OSError where it has failed."""
        if self.status != 0:
            raise self.failure()
        return self.output

    def failure(self) -> OSError:
        shown = self.output[-_SHOWN_CHARACTERS:].strip()
        return OSError(f'"{self.command}" failed with exit status {self.status}' + (f": {shown}" if shown else ""))


async def run_command(command: str, timeout: timedelta) -> Ended:
    """Runs a command by /bin/sh. See `run_program`."""
    return await run_program((*_SHELL, command), timeout, shown=command)


async def run_program(words: Sequence[str], timeout: timedelta, *, shown: str) -> Ended:
    """Runs a program, and kills it with all that it has started: at the timeout, and where this is cancelled.

    shown: the command in sentences. Raises TimeoutError.
    """
    limit = timeout.total_seconds()
    text = ""
    async with await Child.start(words) as child, asyncio.TaskGroup() as tasks:
        output = tasks.create_task(_end_of(child.output), name=f"output of {shown}")
        try:
            async with asyncio.timeout(limit):
                status = await child.wait()
        except TimeoutError:
            status = None
        await child.kill()
        # A process that left its group may hold the output open for ever.
        if (await asyncio.wait([output], timeout=_LAST_OUTPUT_SECONDS))[0]:
            text = output.result()
        output.cancel()
    if status is None:
        raise TimeoutError(f'"{shown}" did not end within {limit:g} s and was killed')
    return Ended(shown, status, text)


async def told_by(command: str, timeout: timedelta) -> bool:
    """The state that a command tells: it exits with 0 for on, with 1 for off. Raises OSError for anything else."""
    ended = await run_command(command, timeout)
    if ended.status not in (0, _IS_OFF):
        raise ended.failure()
    return ended.status == 0


class CommandSwitch:
    """Something that is on or off.  on, off: the commands that switch it;  state: tells its state, see `told_by`.

    Without `state` the last switching counts, and off before that.
    """

    def __init__(self, on: str, off: str, state: str | None, timeout: timedelta) -> None:
        self._commands = {True: on, False: off}
        self._state = state
        self._timeout = timeout
        self._on = False

    async def switch(self, *, on: bool) -> None:
        """Raises OSError, TimeoutError."""
        (await run_command(self._commands[on], self._timeout)).succeeded()
        self._on = on

    async def is_on(self) -> bool:
        """Raises OSError, TimeoutError."""
        return self._on if self._state is None else await told_by(self._state, self._timeout)


async def _end_of(output: asyncio.StreamReader) -> str:
    kept = b""
    while data := await output.read(_READ_BYTES):
        kept = (kept + data)[-_KEPT_BYTES:]
    return kept.decode(errors="replace").strip()
