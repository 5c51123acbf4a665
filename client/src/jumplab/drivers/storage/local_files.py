"""The files of this machine that go onto a storage, or come from it: paths, open files, pipes.

Files are read and written in the event loop, block by block: a thread for each would cost more. What may keep one
waiting, as a pipe does, is waited for, so that the session goes on and an interrupt ends it.
"""

import asyncio
import errno
import hashlib
import io
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from jumplab.driver.errors import BadArguments
from jumplab.drivers.storage.packing import MAGIC_BYTES, least_unpacked_bytes, packing_of

_BLOCK_BYTES = 256 << 10
# On Windows each of them is another one, or none.
_FLAGS = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_READING_FLAGS = _FLAGS | getattr(os, "O_NONBLOCK", 0)
_PIPE_BYTES = 4096  # a pipe that can be written takes so much at once (PIPE_BUF)


class Source:
    """An image to be written.  size_bytes: its size;  unpacked_bytes: at least how much it becomes; None: unknown.

    packing: of what its first bytes tell, where they can be looked at beforehand, else "".
    """

    def __init__(self, file: BinaryIO, name: str, size_bytes: int | None) -> None:
        self.name = name
        self.packing = ""
        self.unpacked_bytes: int | None = None
        self.size_bytes = size_bytes
        self._file = file
        self._may_block = _may_block(file)
        self._start = 0 if self._may_block or not _is_seekable(file) else file.tell()
        if not self._may_block and _is_seekable(file):
            with suppress(OSError):  # some files of /proc can be read from their beginning alone
                self._look()

    @classmethod
    @contextmanager
    def of(cls, origin: str | Path | BinaryIO, size_bytes: int | None) -> Iterator["Source"]:
        """Raises OSError where a path can't be read. An open file is read from its position on, and stays open."""
        if not isinstance(origin, str | Path):
            _require_binary(origin, "read")
            yield cls(origin, str(getattr(origin, "name", "the data")), size_bytes)
            return
        if os.path.isdir(origin):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(origin))
        # A FIFO without a writer yet is waited for like one without data.
        with open(os.open(origin, os.O_RDONLY | _READING_FLAGS), "rb", buffering=0) as file:
            yield cls(file, str(origin), size_bytes)

    def rewind(self) -> None:
        """Back to where it began. Raises OSError where that can't be done."""
        if self._may_block or not _is_seekable(self._file):
            raise OSError("it is a pipe, whose begin is read already: write it once more, without resume")
        self._file.seek(self._start)

    async def read(self, given_up: "asyncio.Future[Any]", most_bytes: int = _BLOCK_BYTES) -> bytes:
        """The next block; b"" at the end, and as soon as `given_up` is done. Raises OSError."""
        most_bytes = min(most_bytes, _BLOCK_BYTES)
        if not self._may_block:
            return self._file.read(most_bytes)
        if not isinstance(self._file, io.FileIO):
            reading = asyncio.create_task(asyncio.to_thread(getattr(self._file, "read1", self._file.read), most_bytes))
            try:
                await asyncio.wait({reading, given_up}, return_when=asyncio.FIRST_COMPLETED)
                return await reading if reading.done() else b""
            finally:
                reading.cancel()
        loop = asyncio.get_running_loop()
        if await _ready(self._file.fileno(), loop.add_reader, loop.remove_reader, given_up):
            return self._file.read(most_bytes) or b""
        return b""

    def _look(self) -> None:
        start = self._file.tell()
        if self.size_bytes is None:
            self.size_bytes = self._file.seek(0, os.SEEK_END) - start or None  # files of /proc have 0, and yet content
            self._file.seek(start)
        self.packing = packing_of(self._file.read(MAGIC_BYTES))
        self._file.seek(start)
        self.unpacked_bytes = least_unpacked_bytes(self._file, self.packing)


class Target:
    """Where what is read goes. A file keeps what it had until the first byte has come.

    A read that fails leaves no part of it in a file: a new one is removed, and one that was there is empty.
    """

    def __init__(self, file: BinaryIO, *, truncates: bool) -> None:
        """truncates: whether it is a file of this machine, and not one that its caller has opened."""
        self._file = file
        self._truncates = truncates
        self._may_block = _may_block(file)

    @classmethod
    @contextmanager
    def of(cls, destination: str | Path | BinaryIO, *, resume: bool = False) -> Iterator["Target"]:
        """Raises OSError where a path can't be written. An open file is written at its position, and stays open.

        resume: what a failed read has read stays.
        """
        if not isinstance(destination, str | Path):
            if resume:
                raise BadArguments("an open file or a pipe can't be gone on with; give the path of a file")
            _require_binary(destination, "write")
            yield cls(destination, truncates=False)
            return
        is_new = not os.path.lexists(destination)
        descriptor = os.open(destination, (os.O_RDWR if resume else os.O_WRONLY) | os.O_CREAT | _FLAGS, 0o666)
        with open(descriptor, "r+b" if resume else "wb", buffering=0) as file:
            is_regular = stat.S_ISREG(os.fstat(descriptor).st_mode)
            if resume and not is_regular:
                raise BadArguments(f"{destination} is no file, and can't be gone on with")
            target, is_whole = cls(file, truncates=is_regular), False
            try:
                yield target
                is_whole = not target._truncates
            finally:
                if is_regular and not is_whole and not resume:
                    target._leave_nothing(destination if is_new else None)

    def _leave_nothing(self, new: str | Path | None) -> None:
        """new: the path of a file that was not there before."""
        if not self._truncates:
            self._file.truncate(0)
        if new is not None:
            os.unlink(new)

    async def write(self, data: bytes) -> None:
        """Raises OSError."""
        self.begin()
        if not self._may_block:
            self._write(memoryview(data))
        elif isinstance(self._file, io.FileIO):
            loop, never = asyncio.get_running_loop(), asyncio.get_running_loop().create_future()
            for start in range(0, len(data), _PIPE_BYTES):
                await _ready(self._file.fileno(), loop.add_writer, loop.remove_writer, never)
                self._write(memoryview(data)[start : start + _PIPE_BYTES])
        else:
            await asyncio.to_thread(self._file.write, data)

    @property
    def size_bytes(self) -> int:
        """What a file has now."""
        return os.fstat(self._file.fileno()).st_size

    def sha256(self) -> "hashlib._Hash":
        """Of what a file has now."""
        sha256 = hashlib.sha256()
        self._file.seek(0)
        while block := self._file.read(_BLOCK_BYTES):
            sha256.update(block)
        return sha256

    def go_on(self) -> None:
        """What a file has stays; the next bytes follow it."""
        self._truncates = False
        self._file.seek(0, os.SEEK_END)

    def begin(self) -> None:
        """What the file had is gone from now on."""
        if self._truncates:
            self._file.seek(0)
            self._file.truncate(0)
            self._truncates = False

    def _write(self, rest: memoryview) -> None:
        while rest:
            rest = rest[self._file.write(rest) :]


def _require_binary(file: object, method: str) -> None:
    """Refuses what is no open binary file. Raises BadArguments."""
    if isinstance(file, io.TextIOBase) or not hasattr(file, method):
        what = "file that is open as text" if isinstance(file, io.TextIOBase) else f"{type(file).__name__} object"
        raise BadArguments(f"this is a {what}; give a path, a file that is open as binary, or io.BytesIO(data)")


def _may_block(file: BinaryIO) -> bool:
    """Whether it is a pipe, a terminal, a socket: reading or writing it may last."""
    try:
        mode = os.fstat(file.fileno()).st_mode
    except (AttributeError, OSError, ValueError):
        return False  # no file of the system's: it is in memory
    return not (stat.S_ISREG(mode) or stat.S_ISBLK(mode) or stat.S_ISDIR(mode))


def _is_seekable(file: BinaryIO) -> bool:
    return bool(getattr(file, "seekable", lambda: False)())


async def _ready(
    descriptor: int,
    add: Callable[[int, Callable[[], object]], object],
    remove: Callable[[int], object],
    given_up: "asyncio.Future[Any]",
) -> bool:
    """Waits until a descriptor can be read or written; False where `given_up` was done before."""
    ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def set_ready() -> None:
        if not ready.done():
            ready.set_result(None)

    try:
        add(descriptor, set_ready)
    except PermissionError:
        return True  # it never keeps anybody waiting, as /dev/zero
    try:
        await asyncio.wait({ready, given_up}, return_when=asyncio.FIRST_COMPLETED)
        return ready.done()
    finally:
        with suppress(OSError):
            remove(descriptor)
