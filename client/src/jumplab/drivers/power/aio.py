"""A power switch, for asyncio."""

from jumplab.driver import AsyncDriverClient
from jumplab.drivers.power.interface import PowerInterface


class AsyncPowerClient(AsyncDriverClient, PowerInterface):
    """Switches a device's supply."""
