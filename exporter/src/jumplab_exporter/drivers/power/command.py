"""A supply that shell commands switch."""

from collections.abc import Mapping
from typing import Any, ClassVar

from jumplab.driver import Driver
from jumplab.drivers.power import PowerInterface
from jumplab_exporter.drivers.shell_commands import COMMAND_TIMEOUT, Command, CommandSwitch, CommandTimeout


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
    timeout: CommandTimeout = COMMAND_TIMEOUT

    def __init__(self, **configuration: Any) -> None:
        super().__init__(**configuration)
        self._switch = CommandSwitch(self.on_command, self.off_command, self.state_command, self.timeout)

    async def on(self) -> None:
        await self._switch.switch(on=True)

    async def off(self) -> None:
        await self._switch.switch(on=False)

    async def is_on(self) -> bool:
        return await self._switch.is_on()

    @property
    def has_check(self) -> bool:
        return self.state_command is not None

    async def check(self) -> None:
        """Asks for the state, and switches nothing."""
        await self.is_on()
