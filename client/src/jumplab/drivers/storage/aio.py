"""A device's storage, for asyncio."""

from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from jumplab.driver import AsyncDriverClient
from jumplab.drivers.storage.interface import Digest, StorageInterface
from jumplab.drivers.storage.local_files import Source, Target
from jumplab.drivers.storage.moving import Part, Sending, receive_into, receive_rest


class AsyncStorageClient(AsyncDriverClient, StorageInterface):
    """A device's storage."""

    async def write(  # type: ignore[override] # files of this machine take the place of a byte stream
        self,
        file: str | Path | BinaryIO,
        *,
        offset_bytes: int = 0,
        size_bytes: int | None = None,
        unpack: bool = True,
        verify: bool = False,
        sha256: str | None = None,
        resume: bool = False,
        progress: Callable[[int], None] | None = None,
    ) -> Digest:
        """Writes a file of this machine, or what an open one or a pipe still has, from `offset_bytes` on.

        size_bytes: how much it has, for a pipe: what does not fit is refused before anything is written, where the size
        is known.  unpack: whether gz, bz2, xz, zst, Android sparse and qcow2 data is unpacked on its way; their first
        bytes tell.  verify: have it read back and compared.  sha256: what the file must have, as sha256sum prints it;
        the write fails with another one.  resume: go on with a write that was interrupted, if this file begins with
        what it had sent; otherwise a line of the log says why it is written from its beginning.  progress: is called
        with the number of bytes sent so far.

        Raises OSError where the file can't be read, CallRefused where the storage can't take it, and CallBroken where
        what arrived, or what was read back, is not what was sent. Each says how much was written.
        """
        with Source.of(file, size_bytes) as source:
            sending = Sending(self, source, offset_bytes, progress)
            return await sending.send(unpack=unpack, verify=verify, sha256=sha256, resume=resume)

    async def read(  # type: ignore[override] # as above
        self,
        file: str | Path | BinaryIO,
        *,
        offset_bytes: int = 0,
        size_bytes: int | None = None,
        resume: bool = False,
        progress: Callable[[int], None] | None = None,
    ) -> Digest:
        """Reads `size_bytes` (None: all) from `offset_bytes` on into a file of this machine, or an open one.

        A file that is there is overwritten once the first bytes have come. Raises as `write`; what was read until
        then is in the file.

        resume: read on after what a file has already, if the storage has the same there; otherwise a line of the log
        says why it is read from its beginning. A read that fails leaves what it has read.
        """
        with Target.of(file, resume=resume) as target:
            part = Part(offset_bytes, size_bytes)
            if resume:
                return await receive_rest(self, target, part, progress)
            return await receive_into(self, target, part, progress)

    async def write_file(
        self,
        path: str | Path | BinaryIO,
        offset_bytes: int = 0,
        progress: Callable[[int], None] | None = None,
        *,
        verify: bool = False,
        unpack: bool = True,
    ) -> Digest:
        """`write`, by its older name."""
        return await self.write(path, offset_bytes=offset_bytes, progress=progress, verify=verify, unpack=unpack)

    async def read_file(
        self, path: str | Path | BinaryIO, offset_bytes: int = 0, size_bytes: int | None = None
    ) -> Digest:
        """`read`, by its older name."""
        return await self.read(path, offset_bytes=offset_bytes, size_bytes=size_bytes)
