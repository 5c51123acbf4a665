"""A digital input that a shell command reads."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from typing import Annotated, Any, ClassVar

from pydantic import Field

from jumplab.driver import Driver
from jumplab.drivers.digital_input import DigitalInputInterface, Edge
from jumplab_exporter.drivers.shell_commands import COMMAND_TIMEOUT, Command, CommandTimeout, told_by


class CommandDigitalInput(DigitalInputInterface, Driver):
    """A digital input that a shell command reads.  state_command: exits with 0 for active, with 1 for inactive.

    interval: the pause between two runs of it while somebody watches; shorter changes are not seen.
    timeout: a command that takes longer is killed, with everything that it has started.
    """

    example_configuration: ClassVar[Mapping[str, Any]] = {"state_command": "relayctl 7 | grep -q closed"}

    state_command: Command
    interval: Annotated[timedelta, Field(gt=timedelta(), le=timedelta(hours=1))] = timedelta(milliseconds=500)
    timeout: CommandTimeout = COMMAND_TIMEOUT

    async def get(self) -> bool:
        return await told_by(self.state_command, self.timeout)

    async def watch(self) -> AsyncIterator[Edge]:
        clock = asyncio.get_running_loop().time
        last: bool | None = None
        while True:
            active = await self.get()
            if active != last:
                last = active
                yield Edge(active, clock())
            await asyncio.sleep(self.interval.total_seconds())

    async def check(self) -> None:
        """Reads the input."""
        await self.get()
