"""What flashes a device, for asyncio."""

from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from jumplab.driver import AsyncDriverClient
from jumplab.drivers.flasher.interface import Flashed, FlasherInterface
from jumplab.drivers.storage.local_files import Source
from jumplab.drivers.storage.uploading import upload_compared


class AsyncFlasherClient(AsyncDriverClient, FlasherInterface):
    """Writes and erases the flash memory of a device."""

    async def flash(  # type: ignore[override] # a file of this machine takes the place of a byte stream
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
        with Source.of(file, size_bytes) as source:
            differs = f'what {self.path} has flashed into "{target}" is not what {source.name} holds: flash it again'
            async with self.open("flash", target=target, size_bytes=source.size_bytes) as remote:
                return await upload_compared(remote, source, progress, Flashed.model_validate_json, differs)
