"""Switching a device's supply."""

from jumplab.drivers.power.aio import AsyncPowerClient
from jumplab.drivers.power.interface import PowerInterface
from jumplab.drivers.power.plain import PowerClient

__all__ = ["AsyncPowerClient", "PowerClient", "PowerInterface"]
