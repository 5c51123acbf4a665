"""Pressing a device's buttons."""

from jumplab.drivers.button.aio import AsyncButtonClient
from jumplab.drivers.button.interface import ButtonInterface
from jumplab.drivers.button.plain import ButtonClient

__all__ = ["AsyncButtonClient", "ButtonClient", "ButtonInterface"]
