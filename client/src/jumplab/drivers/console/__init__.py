"""A device's serial console."""

from jumplab.drivers.console.aio import AsyncConsoleClient
from jumplab.drivers.console.interface import ConsoleInterface
from jumplab.drivers.console.plain import ConsoleClient

__all__ = ["AsyncConsoleClient", "ConsoleClient", "ConsoleInterface"]
