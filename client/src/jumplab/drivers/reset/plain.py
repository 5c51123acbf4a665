"""A reset line, for plain code. Generated from aio.py by `make generate`."""

from typing import ClassVar

from jumplab.driver import AsyncDriverClient, DriverClient
from jumplab.drivers.reset.aio import AsyncResetClient


class ResetClient(DriverClient):
    """The reset of the device."""

    asynchronous: ClassVar[type[AsyncDriverClient]] = AsyncResetClient
    _twin: AsyncResetClient

    def assert_reset(self) -> None:
        """Asserts the reset and leaves it so: the device stops."""
        self._portal.run(self._twin.assert_reset())

    def release(self) -> None:
        """Releases the reset: the device starts."""
        self._portal.run(self._twin.release())

    def is_asserted(self) -> bool:
        """Whether the reset is asserted."""
        return self._portal.run(self._twin.is_asserted())

    def pulse(self, seconds: float = 0.1) -> None:
        """Asserts the reset, waits, releases it; cancelled while it waits, it releases it at once."""
        self._portal.run(self._twin.pulse(seconds))
