"""What flashes a device, for plain code. Generated from aio.py by `make generate`."""

from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, ClassVar

from jumplab.driver import AsyncDriverClient, DriverClient
from jumplab.drivers.flasher.aio import AsyncFlasherClient
from jumplab.drivers.flasher.interface import Flashed, FlashTarget


class FlasherClient(DriverClient):
    """Writes and erases the flash memory of a device."""

    asynchronous: ClassVar[type[AsyncDriverClient]] = AsyncFlasherClient
    _twin: AsyncFlasherClient

    def erase(self, target: str) -> None:
        """Erases a target. Raises as `flash`."""
        self._portal.run(self._twin.erase(target))

    def list_targets(self) -> list[FlashTarget]:
        """What can be flashed, by name."""
        return self._portal.run(self._twin.list_targets())

    def flash(
        self,
        target: str,
        file: str | Path | BinaryIO,
        *,
        size_bytes: int | None = None,
        progress: Callable[[int], None] | None = None,
    ) -> Flashed:
        """Flashes a file of this machine, or what an open one or a pipe still has.

        target: one of `list_targets`.  size_bytes: how much it has, for a pipe.  progress: is called with the number of
        bytes sent so far; `jumplab.driver.on_progress` also tells what the tool does.

        Raises OSError where the file can't be read, CallRefused where the image or the target can't be used, and
        CallBroken where the tool fails, or what arrived is not what was sent: flash it again then.
        """
        return self._portal.run(self._twin.flash(target, file, size_bytes=size_bytes, progress=progress))
