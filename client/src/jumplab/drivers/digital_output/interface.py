"""The contract of a digital output."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import ClassVar

from jumplab.driver import DriverInterface
from jumplab.driver.interface import StateCall, called
from jumplab.drivers.pulses import pulse


class DigitalOutputInterface(DriverInterface):
    """A line that the lab host sets: active or inactive. The configuration says which level is the active one."""

    client: ClassVar[str] = "jumplab.drivers.digital_output.DigitalOutputClient"
    __observing__: ClassVar[frozenset[str]] = frozenset({"get"})
    __states__: ClassVar[Mapping[str, StateCall]] = {
        "active": StateCall("set", {"active": True}),
        "inactive": StateCall("set", {"active": False}),
    }

    @abstractmethod
    async def set(self, active: bool) -> None:
        """Makes the line active (true) or inactive (false); returns when it is."""

    @abstractmethod
    async def get(self) -> bool:
        """Whether the line is active."""

    async def pulse(self, seconds: float = 0.1) -> None:
        """Makes the line active, waits, makes it inactive; cancelled while it waits, it makes it inactive at once."""
        await pulse(lambda: called(self.set, True), lambda: called(self.set, False), seconds)
