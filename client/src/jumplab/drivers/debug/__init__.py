"""Debugging a device's processor."""

from jumplab.drivers.debug.aio import AsyncDebugClient
from jumplab.drivers.debug.interface import DebugInterface, Loaded
from jumplab.drivers.debug.plain import DebugClient

__all__ = ["AsyncDebugClient", "DebugClient", "DebugInterface", "Loaded"]
