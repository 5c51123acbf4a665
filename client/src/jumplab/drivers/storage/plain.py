"""A device's storage, for plain code. Generated from aio.py by `make generate`."""

from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, ClassVar

from jumplab.driver import AsyncDriverClient, DriverClient
from jumplab.drivers.storage.aio import AsyncStorageClient
from jumplab.drivers.storage.interface import Digest, InterruptedWrite


class StorageClient(DriverClient):
    """A device's storage."""

    asynchronous: ClassVar[type[AsyncDriverClient]] = AsyncStorageClient
    _twin: AsyncStorageClient

    def interrupted_write(self) -> InterruptedWrite | None:
        """The write that can be gone on with; None: none. One that is being sent is interrupted by this call."""
        return self._portal.run(self._twin.interrupted_write())

    def checksum(self, *, offset_bytes: int = 0, size_bytes: int | None = None) -> Digest:
        """The SHA-256 of `size_bytes` from `offset_bytes` on; None: all that follows."""
        return self._portal.run(self._twin.checksum(offset_bytes=offset_bytes, size_bytes=size_bytes))

    def fetch(
        self, url: str, *, offset_bytes: int = 0, sha256: str | None = None, unpack: bool = True, verify: bool = False
    ) -> Digest:
        """Has the exporter fetch an image by http:// or https://, and write it from `offset_bytes` on.

        A user and a password in the URL go to its server alone.  sha256: of the file at the URL, as sha256sum prints
        it; another one is an error.  unpack, verify: as of `write`.

        Refuses (ValueError) what `write` does, and addresses that the exporter's configuration does not allow. A server
        that breaks off is asked for the rest. What fails later says how much was written.
        """
        return self._portal.run(
            self._twin.fetch(url, offset_bytes=offset_bytes, sha256=sha256, unpack=unpack, verify=verify)
        )

    def size(self) -> int:
        """How many bytes it holds."""
        return self._portal.run(self._twin.size())

    def write(
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
        return self._portal.run(
            self._twin.write(
                file,
                offset_bytes=offset_bytes,
                size_bytes=size_bytes,
                unpack=unpack,
                verify=verify,
                sha256=sha256,
                resume=resume,
                progress=progress,
            )
        )

    def read(
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
        return self._portal.run(
            self._twin.read(file, offset_bytes=offset_bytes, size_bytes=size_bytes, resume=resume, progress=progress)
        )

    def write_file(
        self,
        path: str | Path | BinaryIO,
        offset_bytes: int = 0,
        progress: Callable[[int], None] | None = None,
        *,
        verify: bool = False,
        unpack: bool = True,
    ) -> Digest:
        """`write`, by its older name."""
        return self._portal.run(self._twin.write_file(path, offset_bytes, progress, verify=verify, unpack=unpack))

    def read_file(self, path: str | Path | BinaryIO, offset_bytes: int = 0, size_bytes: int | None = None) -> Digest:
        """`read`, by its older name."""
        return self._portal.run(self._twin.read_file(path, offset_bytes, size_bytes))
