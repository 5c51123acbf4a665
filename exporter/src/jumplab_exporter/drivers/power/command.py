"""A supply that shell commands switch."""

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any, ClassVar

from pydantic import Field, StringConstraints

from jumplab.driver import Driver
from jumplab.drivers.power import PowerInterface
from jumplab_exporter.processes.child import Child

_SHELL = ("/bin/sh", "-c")
_SHOWN_BYTES = 500
_READ_BYTES = 65536
_LAST_OUTPUT_SECONDS = 1.0
_IS_OFF = 1
"""The exit status of a state command for a supply that is off."""

Command = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]


class CommandPower(PowerInterface, Driver):
    """A supply that shell commands switch.  on_command, off_command: run by /bin/sh on the exporter's host.

    state_command: exits with 0 where the supply is on, with 1 where it is off; without it the last switching counts.
    timeout: a command that takes longer is killed, with everything that it has started.
    """

    example_configuration: ClassVar[Mapping[str, Any]] = {
        "on_command": "uhubctl -l 1-1 -p 3 -a on",
        "off_command": "uhubctl -l 1-1 -p 3 -a off",
    }

    on_command: Command
    off_command: Command
    state_command: Command | None = None
    timeout: Annotated[timedelta, Field(gt=timedelta())] = timedelta(seconds=30)
    _on = False

    async def on(self) -> None:
        await self._switch(self.on_command, on=True)

    async def off(self) -> None:
        await self._switch(self.off_command, on=False)

    async def is_on(self) -> bool:
        if self.state_command is None:
            return self._on
        status, output = await self._run(self.state_command)
        if status not in (0, _IS_OFF):
            raise _failure(self.state_command, status, output)
        return status == 0

    @property
    def has_check(self) -> bool:
        return self.state_command is not None

    async def check(self) -> None:
        """Asks for the state, and switches nothing."""
        await self.is_on()

    async def _switch(self, command: str, *, on: bool) -> None:
        status, output = await self._run(command)
        if status != 0:
            raise _failure(command, status, output)
        self._on = on

    async def _run(self, command: str) -> tuple[int, str]:
        """The exit status of a command, and the end of its output. Cancelling kills it."""
        limit = self.timeout.total_seconds()
        text = ""
        async with await Child.start((*_SHELL, command)) as child, asyncio.TaskGroup() as tasks:
            output = tasks.create_task(_end_of(child.output), name=f"output of {command}")
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
            raise TimeoutError(f'"{command}" did not end within {limit:g} s and was killed')
        return status, text


async def _end_of(output: asyncio.StreamReader) -> str:
    kept = b""
    while data := await output.read(_READ_BYTES):
        kept = (kept + data)[-_SHOWN_BYTES:]
    return kept.decode(errors="replace").strip()


def _failure(command: str, status: int, output: str) -> OSError:
    return OSError(f'"{command}" failed with exit status {status}' + (f": {output}" if output else ""))
