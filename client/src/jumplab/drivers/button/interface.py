"""The contract of a button."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import ClassVar

from jumplab.driver import DriverInterface
from jumplab.driver.interface import StateCall, called
from jumplab.drivers.pulses import pulse


class ButtonInterface(DriverInterface):
    """A button of the device, which the lab host presses. At the end of a lease it is released."""

    client: ClassVar[str] = "jumplab.drivers.button.ButtonClient"
    __observing__: ClassVar[frozenset[str]] = frozenset({"is_pressed"})
    __states__: ClassVar[Mapping[str, StateCall]] = {
        "pressed": StateCall("press_down"),
        "released": StateCall("release"),
    }

    @abstractmethod
    async def press_down(self) -> None:
        """Presses the button and leaves it pressed; one that is pressed stays so."""

    @abstractmethod
    async def release(self) -> None:
        """Releases the button; one that is released stays so."""

    @abstractmethod
    async def is_pressed(self) -> bool:
        """Whether the button is pressed."""

    async def press(self, seconds: float = 0.2) -> None:
        """Presses the button for a time, then releases it; cancelled while it waits, it releases it at once."""
        await pulse(lambda: called(self.press_down), lambda: called(self.release), seconds)
