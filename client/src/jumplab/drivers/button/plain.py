"""A button, for plain code. Generated from aio.py by `make generate`."""

from typing import ClassVar

from jumplab.driver import AsyncDriverClient, DriverClient
from jumplab.drivers.button.aio import AsyncButtonClient


class ButtonClient(DriverClient):
    """A button of the device."""

    asynchronous: ClassVar[type[AsyncDriverClient]] = AsyncButtonClient
    _twin: AsyncButtonClient

    def press_down(self) -> None:
        """Presses the button and leaves it pressed; one that is pressed stays so."""
        self._portal.run(self._twin.press_down())

    def release(self) -> None:
        """Releases the button; one that is released stays so."""
        self._portal.run(self._twin.release())

    def is_pressed(self) -> bool:
        """Whether the button is pressed."""
        return self._portal.run(self._twin.is_pressed())

    def press(self, seconds: float = 0.2) -> None:
        """Presses the button for a time, then releases it; cancelled while it waits, it releases it at once."""
        self._portal.run(self._twin.press(seconds))
