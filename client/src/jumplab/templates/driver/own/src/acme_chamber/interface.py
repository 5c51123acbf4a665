"""The interface: what drivers have, and clients can call."""

from abc import abstractmethod
from collections.abc import AsyncIterator
from typing import ClassVar

from jumplab.driver import DriverInterface


class AcmeChamberInterface(DriverInterface):
    """Heats and cools what is in it."""

    client: ClassVar[str] = "acme_chamber.plain.AcmeChamberClient"

    @abstractmethod
    async def temperature(self) -> float:
        """The temperature inside, in degrees Celsius."""

    @abstractmethod
    async def set_target(self, celsius: float) -> None:
        """Begins to heat or to cool. Raises ValueError for a temperature that the device can't reach."""

    @abstractmethod
    def watch(self, every_seconds: float = 1.0) -> AsyncIterator[float]:
        """The temperature again and again, until the caller leaves the loop."""
