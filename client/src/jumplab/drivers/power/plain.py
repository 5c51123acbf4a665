"""A power switch, for plain code. Generated from aio.py by `make generate`."""

from collections.abc import Iterator
from typing import ClassVar

from jumplab.driver import AsyncDriverClient, DriverClient
from jumplab.drivers.power.aio import AsyncPowerClient
from jumplab.drivers.power.reading import PowerReading


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

    def measure(self) -> PowerReading:
        """One reading of the supply's meter. A supply without a meter raises NotImplementedError."""
        return self._portal.run(self._twin.measure())

    def read(self, interval_seconds: float = 1.0) -> Iterator[PowerReading]:
        """Readings of the supply's meter without end: one at once, then one each interval. Raises as `measure`."""
        return self._portal.iterate(self._twin.read(interval_seconds))
