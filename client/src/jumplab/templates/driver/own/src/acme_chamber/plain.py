"""The client for plain tests: each method waits for the one of its asyncio twin."""

from collections.abc import Iterator
from typing import ClassVar

from jumplab.driver import AsyncDriverClient, DriverClient

from acme_chamber.aio import AsyncAcmeChamberClient


class AcmeChamberClient(DriverClient):
    """A chamber. Type checkers know what is written here; without it, the twin's methods would be there untyped."""

    asynchronous: ClassVar[type[AsyncDriverClient]] = AsyncAcmeChamberClient
    _twin: AsyncAcmeChamberClient

    def temperature(self) -> float:
        """The temperature inside, in degrees Celsius."""
        return self._portal.run(self._twin.temperature())

    def set_target(self, celsius: float) -> None:
        """Begins to heat or to cool. Raises ValueError for a temperature that the device can't reach."""
        self._portal.run(self._twin.set_target(celsius))

    def watch(self, every_seconds: float = 1.0) -> Iterator[float]:
        """The temperature again and again, until the caller leaves the loop."""
        return self._portal.iterate(self._twin.watch(every_seconds))

    def settle(self, celsius: float, tolerance: float = 0.5) -> None:
        """Sets the target and returns when it is reached."""
        self._portal.run(self._twin.settle(celsius, tolerance))
