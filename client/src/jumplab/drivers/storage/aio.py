"""A device's storage, for asyncio."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from jumplab.driver import AsyncDriverClient, ResultStream, errors
from jumplab.drivers.storage.interface import Digest, StorageInterface

_BLOCK_BYTES = 256 << 10


class AsyncStorageClient(AsyncDriverClient, StorageInterface):
    """A device's storage."""

    async def write_file(
        self, path: str | Path, offset_bytes: int = 0, progress: Callable[[int], None] | None = None
    ) -> Digest:
        """Writes a file of this machine onto the storage, from `offset_bytes` on.

        progress: is called with the number of bytes sent so far.  Raises OSError where the file can't be read, and
        CallBroken where what arrived is not what was sent.
        """
        sha256 = hashlib.sha256()
        with Path(path).open("rb") as file:
            async with self.open("write", offset_bytes=offset_bytes) as stream:
                await _send_file(file, stream, sha256.update, progress)
                await stream.send_end()
                written = Digest.model_validate_json(await stream.result())
        if written.sha256 != sha256.hexdigest():
            raise errors.CallBroken(f"what {self.path} wrote is not what {path} holds: write it again", type="OSError")
        return written

    async def read_file(self, path: str | Path, offset_bytes: int = 0, size_bytes: int | None = None) -> Digest:
        """Reads the storage into a file of this machine. Raises as `write_file`; then the file is incomplete."""
        sha256 = hashlib.sha256()
        with Path(path).open("wb") as file:
            async with self.open("read", offset_bytes=offset_bytes, size_bytes=size_bytes) as stream:
                while data := await stream.receive():
                    file.write(data)
                    sha256.update(data)
                read = Digest.model_validate_json(await stream.result())
        if read.sha256 != sha256.hexdigest():
            raise errors.CallBroken(f"what came from {self.path} is not what it holds: read it again", type="OSError")
        return read


async def _send_file(
    file: BinaryIO, stream: ResultStream, digest: Callable[[bytes], None], progress: Callable[[int], None] | None
) -> None:
    sent_bytes = 0
    while block := file.read(_BLOCK_BYTES):
        digest(block)
        await stream.send(block)
        sent_bytes += len(block)
        if progress is not None:
            progress(sent_bytes)
