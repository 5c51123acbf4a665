"""Running commands: on the device, or on its lab host."""

from jumplab.drivers.shell.aio import AsyncShellClient
from jumplab.drivers.shell.errors import OutputTooLong
from jumplab.drivers.shell.interface import ShellInterface, Transfer
from jumplab.drivers.shell.plain import ShellClient
from jumplab.drivers.shell.result import CommandResult

__all__ = ["AsyncShellClient", "CommandResult", "OutputTooLong", "ShellClient", "ShellInterface", "Transfer"]
