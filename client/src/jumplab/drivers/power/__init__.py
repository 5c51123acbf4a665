"""Switching a device's supply, and reading its meter."""

from jumplab.drivers.power.aio import AsyncPowerClient
from jumplab.drivers.power.interface import PowerInterface
from jumplab.drivers.power.plain import PowerClient
from jumplab.drivers.power.reading import PowerReading

__all__ = ["AsyncPowerClient", "PowerClient", "PowerInterface", "PowerReading"]
