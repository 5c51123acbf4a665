"""A reset that shell commands assert."""

from collections.abc import Mapping
from typing import Any, ClassVar

from jumplab_exporter.drivers.lines.commands import CommandLine
from jumplab_exporter.drivers.lines.uses import ResetLine
from jumplab_exporter.drivers.shell_commands import Command, CommandSwitch


class CommandReset(CommandLine, ResetLine):
    """A reset that shell commands assert.  assert_command, release_command: run by /bin/sh.

    state_command: exits with 0 where the reset is asserted, with 1 where it is released; without it the last switching
    counts.  timeout: a command that takes longer is killed, with everything that it has started.
    """

    example_configuration: ClassVar[Mapping[str, Any]] = {
        "assert_command": "relayctl 6 on",
        "release_command": "relayctl 6 off",
    }

    assert_command: Command
    release_command: Command

    def _commands(self) -> CommandSwitch:
        return CommandSwitch(self.assert_command, self.release_command, self.state_command, self.timeout)
