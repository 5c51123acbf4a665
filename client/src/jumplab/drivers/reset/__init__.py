"""Resetting a device."""

from jumplab.drivers.reset.aio import AsyncResetClient
from jumplab.drivers.reset.interface import ResetInterface
from jumplab.drivers.reset.plain import ResetClient

__all__ = ["AsyncResetClient", "ResetClient", "ResetInterface"]
