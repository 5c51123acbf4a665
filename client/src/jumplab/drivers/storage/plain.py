"""A device's storage, for plain code. Generated from aio.py by `make generate`."""

from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

from jumplab.driver import AsyncDriverClient, DriverClient
from jumplab.drivers.storage.aio import AsyncStorageClient
from jumplab.drivers.storage.interface import Digest


class StorageClient(DriverClient):
    """A device's storage."""

    asynchronous: ClassVar[type[AsyncDriverClient]] = AsyncStorageClient
    _twin: AsyncStorageClient

    def size(self) -> int:
        """How many bytes it holds."""
        return self._portal.run(self._twin.size())

    def write_file(
        self, path: str | Path, offset_bytes: int = 0, progress: Callable[[int], None] | None = None
    ) -> Digest:
        """Writes a file of this machine onto the storage, from `offset_bytes` on.

        progress: is called with the number of bytes sent so far.  Raises OSError where the file can't be read, and
        CallBroken where what arrived is not what was sent.
        """
        return self._portal.run(self._twin.write_file(path, offset_bytes, progress))

    def read_file(self, path: str | Path, offset_bytes: int = 0, size_bytes: int | None = None) -> Digest:
        """Reads the storage into a file of this machine. Raises as `write_file`; then the file is incomplete."""
        return self._portal.run(self._twin.read_file(path, offset_bytes, size_bytes))
