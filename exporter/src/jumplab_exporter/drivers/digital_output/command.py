"""A digital output that shell commands set."""

from collections.abc import Mapping
from typing import Any, ClassVar

from jumplab_exporter.drivers.lines.commands import CommandLine
from jumplab_exporter.drivers.lines.uses import OutputLine
from jumplab_exporter.drivers.shell_commands import Command, CommandSwitch


class CommandDigitalOutput(CommandLine, OutputLine):
    """A digital output that shell commands set.  active_command, inactive_command: run by /bin/sh.

    state_command: exits with 0 where the output is active, with 1 where it is inactive; without it the last switching
    counts.  timeout: a command that takes longer is killed, with everything that it has started.
    """

    example_configuration: ClassVar[Mapping[str, Any]] = {
        "active_command": "relayctl 4 on",
        "inactive_command": "relayctl 4 off",
    }

    active_command: Command
    inactive_command: Command

    def _commands(self) -> CommandSwitch:
        return CommandSwitch(self.active_command, self.inactive_command, self.state_command, self.timeout)
