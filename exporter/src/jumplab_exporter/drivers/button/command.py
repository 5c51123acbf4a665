"""A button that shell commands press."""

from collections.abc import Mapping
from typing import Any, ClassVar

from jumplab_exporter.drivers.lines.commands import CommandLine
from jumplab_exporter.drivers.lines.uses import ButtonLine
from jumplab_exporter.drivers.shell_commands import Command, CommandSwitch


class CommandButton(CommandLine, ButtonLine):
    """A button that shell commands press.  press_command, release_command: run by /bin/sh.

    state_command: exits with 0 where the button is pressed, with 1 where it is not; without it the last switching
    counts.  timeout: a command that takes longer is killed, with everything that it has started.
    """

    example_configuration: ClassVar[Mapping[str, Any]] = {
        "press_command": "relayctl 5 on",
        "release_command": "relayctl 5 off",
    }

    press_command: Command
    release_command: Command

    def _commands(self) -> CommandSwitch:
        return CommandSwitch(self.press_command, self.release_command, self.state_command, self.timeout)
