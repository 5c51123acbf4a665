"""What writes a device's flash memory by the program for it."""

from jumplab.drivers.flasher.aio import AsyncFlasherClient
from jumplab.drivers.flasher.interface import Flashed, FlasherInterface, FlashTarget
from jumplab.drivers.flasher.plain import FlasherClient

__all__ = ["AsyncFlasherClient", "FlashTarget", "Flashed", "FlasherClient", "FlasherInterface"]
