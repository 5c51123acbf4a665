"""A power switch, for plain code. Generated from aio.py by `make generate`."""

from typing import ClassVar

from jumplab.driver import AsyncDriverClient, DriverClient
from jumplab.drivers.power.aio import AsyncPowerClient


class PowerClient(DriverClient):
    """Switches a device's supply."""

    asynchronous: ClassVar[type[AsyncDriverClient]] = AsyncPowerClient
    _twin: AsyncPowerClient

    def on(self) -> None:
        """Switches the supply on; returns when it is on."""
        self._portal.run(self._twin.on())

    def off(self) -> None:
        """Switches the supply off; returns when it is off."""
        self._portal.run(self._twin.off())

    def is_on(self) -> bool:
        """Whether the supply is on."""
        return self._portal.run(self._twin.is_on())

    def cycle(self, off_seconds: float = 1.0) -> None:
        """Switches off, waits, switches on. Cancelled while it waits, it leaves the supply off."""
        self._portal.run(self._twin.cycle(off_seconds))
