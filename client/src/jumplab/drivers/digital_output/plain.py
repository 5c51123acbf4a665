"""A digital output, for plain code. Generated from aio.py by `make generate`."""

from typing import ClassVar

from jumplab.driver import AsyncDriverClient, DriverClient
from jumplab.drivers.digital_output.aio import AsyncDigitalOutputClient


class DigitalOutputClient(DriverClient):
    """A line that the lab host sets."""

    asynchronous: ClassVar[type[AsyncDriverClient]] = AsyncDigitalOutputClient
    _twin: AsyncDigitalOutputClient

    def set(self, active: bool) -> None:
        """Makes the line active (true) or inactive (false); returns when it is."""
        self._portal.run(self._twin.set(active))

    def get(self) -> bool:
        """Whether the line is active."""
        return self._portal.run(self._twin.get())

    def pulse(self, seconds: float = 0.1) -> None:
        """Makes the line active, waits, makes it inactive; cancelled while it waits, it makes it inactive at once."""
        self._portal.run(self._twin.pulse(seconds))
