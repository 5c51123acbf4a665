"""A device's serial console."""

from jumplab.drivers.console.aio import AsyncConsoleClient
from jumplab.drivers.console.interface import ConsoleInterface, ConsoleState, Gap
from jumplab.drivers.console.plain import ConsoleClient

__all__ = ["AsyncConsoleClient", "ConsoleClient", "ConsoleInterface", "ConsoleState", "Gap"]
