"""Lines that shell commands switch."""

from typing import Any

from jumplab_exporter.drivers.lines.uses import Line
from jumplab_exporter.drivers.shell_commands import COMMAND_TIMEOUT, Command, CommandSwitch, CommandTimeout


class CommandLine(Line):
    """A line that commands switch; the driver names them in its own words."""

    state_command: Command | None = None
    timeout: CommandTimeout = COMMAND_TIMEOUT

    def __init__(self, **configuration: Any) -> None:
        super().__init__(**configuration)
        self._by_commands = self._commands()

    def _commands(self) -> CommandSwitch:
        """The commands of the configuration; called once."""
        raise NotImplementedError

    async def _switch(self, *, active: bool) -> None:
        await self._by_commands.switch(on=active)

    async def _is_active(self) -> bool:
        return await self._by_commands.is_on()

    @property
    def has_check(self) -> bool:
        return self.state_command is not None

    async def check(self) -> None:
        """Asks for the state, and switches nothing."""
        await self._is_active()
