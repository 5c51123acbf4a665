"""A disk that is a file on this host."""

import asyncio
import hashlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from jumplab.driver import ByteStream, Driver
from jumplab.drivers.storage import Digest, StorageInterface

_BLOCK_BYTES = 256 << 10
_MIB = 1 << 20


class FileDisk(StorageInterface, Driver):
    """A disk of a fixed size in a file.

    path: the file, which stays; made if it isn't there. None: a file without a name, gone with the session.
    size_mib: the size of a disk that is made;  an existing file keeps its own.
    """

    path: Path | None = None
    size_mib: int = 64

    def __init__(self, *, why_in_use: Callable[[], str] = lambda: "", **configuration: object) -> None:
        """why_in_use: why the disk must not be written right now, as a sentence, or ""."""
        super().__init__(**configuration)
        self._why_in_use = why_in_use

    async def __aenter__(self) -> Self:
        self._descriptor = await asyncio.to_thread(self._open)
        self._size_bytes = os.fstat(self._descriptor).st_size
        return await super().__aenter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        os.close(self._descriptor)
        await super().__aexit__(kind, error, traceback)

    @property
    def descriptor(self) -> int:
        """The open file, for who starts the device."""
        return self._descriptor

    def _open(self) -> int:
        if self.path is None:
            with tempfile.TemporaryFile() as nameless:
                nameless.truncate(self.size_mib * _MIB)
                return os.dup(nameless.fileno())
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        if os.fstat(descriptor).st_size == 0:
            os.truncate(descriptor, self.size_mib * _MIB)
        return descriptor

    async def size(self) -> int:
        return self._size_bytes

    async def write(self, stream: ByteStream, *, offset_bytes: int = 0) -> Digest:
        self._check(offset_bytes)
        self._refuse_while_in_use()
        sha256, file_position = hashlib.sha256(), offset_bytes
        while data := await stream.receive():
            self._refuse_while_in_use()
            if file_position + len(data) > self._size_bytes:
                raise ValueError(
                    f"the disk has {self._size_bytes} bytes; the data sent from offset {offset_bytes} on does not fit"
                )
            await asyncio.to_thread(self._write_at, data, file_position)
            sha256.update(data)
            file_position += len(data)
        return Digest(size_bytes=file_position - offset_bytes, sha256=sha256.hexdigest())

    async def read(self, stream: ByteStream, *, offset_bytes: int = 0, size_bytes: int | None = None) -> Digest:
        self._check(offset_bytes)
        end = self._size_bytes if size_bytes is None else offset_bytes + size_bytes
        if end > self._size_bytes or end < offset_bytes:
            raise ValueError(f"the disk has {self._size_bytes} bytes: there are no {size_bytes} from {offset_bytes} on")
        sha256, file_position = hashlib.sha256(), offset_bytes
        while file_position < end:
            data = await asyncio.to_thread(
                os.pread, self._descriptor, min(_BLOCK_BYTES, end - file_position), file_position
            )
            if not data:
                raise OSError(f"the disk's file ends at {file_position}; another program has shortened it")
            await stream.send(data)
            sha256.update(data)
            file_position += len(data)
        return Digest(size_bytes=end - offset_bytes, sha256=sha256.hexdigest())

    def head(self) -> bytes:
        """Its first MiB, for a device that looks for a file system."""
        return os.pread(self._descriptor, _MIB, 0)

    def _check(self, offset_bytes: int) -> None:
        if not 0 <= offset_bytes <= self._size_bytes:
            raise ValueError(f"offset_bytes is {offset_bytes}; the disk has {self._size_bytes} bytes")

    def _refuse_while_in_use(self) -> None:
        if reason := self._why_in_use():
            raise ValueError(reason)

    def _write_at(self, data: bytes, file_position: int) -> None:
        rest = memoryview(data)
        while rest:
            written = os.pwrite(self._descriptor, rest, file_position)
            rest, file_position = rest[written:], file_position + written
