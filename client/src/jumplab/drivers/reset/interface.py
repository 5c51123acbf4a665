"""The contract of a reset line."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import ClassVar

from jumplab.driver import DriverInterface
from jumplab.driver.interface import StateCall, called
from jumplab.drivers.pulses import pulse


class ResetInterface(DriverInterface):
    """The reset of the device. While it is asserted, the device does not run."""

    client: ClassVar[str] = "jumplab.drivers.reset.ResetClient"
    __observing__: ClassVar[frozenset[str]] = frozenset({"is_asserted"})
    __states__: ClassVar[Mapping[str, StateCall]] = {
        "asserted": StateCall("assert_reset"),
        "released": StateCall("release"),
    }

    @abstractmethod
    async def assert_reset(self) -> None:
        """Asserts the reset and leaves it so: the device stops."""

    @abstractmethod
    async def release(self) -> None:
        """Releases the reset: the device starts."""

    @abstractmethod
    async def is_asserted(self) -> bool:
        """Whether the reset is asserted."""

    async def pulse(self, seconds: float = 0.1) -> None:
        """Asserts the reset, waits, releases it; cancelled while it waits, it releases it at once."""
        await pulse(lambda: called(self.assert_reset), lambda: called(self.release), seconds)
