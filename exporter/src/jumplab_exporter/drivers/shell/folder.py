"""One folder of the lab host that clients may read and write, and nothing outside of it."""

import asyncio
import errno
import os
import secrets
import stat
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath

from jumplab.driver import ByteStream
from jumplab.drivers.shell import Transfer
from jumplab_exporter.drivers.shell.streaming import BLOCK_BYTES, receive_into, send_from

_INTO = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_READING = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_WRITING = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class Folder:
    """Reads and writes files by paths within it. No symbolic link is followed: it could lead out."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def upload(self, stream: ByteStream, path: str, *, executable: bool) -> Transfer:
        """Raises ValueError for a path that leads out, OSError where the file can't be written."""
        with self._around(path) as (folder, name):
            part = f".{name[:200]}.{secrets.token_hex(8)}.part"
            descriptor = os.open(part, _WRITING, 0o755 if executable else 0o644, dir_fd=folder)
            try:
                with os.fdopen(descriptor, "wb", buffering=0) as file:

                    async def write(data: bytes) -> None:
                        await asyncio.to_thread(_write_all, file.fileno(), data)

                    moved = await receive_into(stream, write)
                    await asyncio.to_thread(os.fsync, file.fileno())
                os.replace(part, name, src_dir_fd=folder, dst_dir_fd=folder)
            except BaseException:
                with suppress(OSError):
                    os.unlink(part, dir_fd=folder)
                raise
            return moved

    async def download(self, stream: ByteStream, path: str) -> Transfer:
        """Raises ValueError for a path that leads out, OSError where the file can't be read."""
        with self._around(path) as (folder, name):
            descriptor = os.open(name, _READING, dir_fd=folder)
            with os.fdopen(descriptor, "rb", buffering=0):
                if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                    raise OSError("it is no file")

                async def blocks() -> AsyncIterator[bytes]:
                    while data := await asyncio.to_thread(os.read, descriptor, BLOCK_BYTES):
                        yield data

                return await send_from(stream, blocks())

    @contextmanager
    def _around(self, path: str) -> Iterator[tuple[int, str]]:
        """The folder of a file, open, and the file's name."""
        *folders, name = _parts(path)
        with _sentences(path, self._path):
            opened = os.open(self._path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                for folder in folders:
                    opened, before = os.open(folder, _INTO, dir_fd=opened), opened
                    os.close(before)
                yield opened, name
            finally:
                os.close(opened)


def _parts(path: str) -> tuple[str, ...]:
    parts = PurePosixPath(path).parts
    if not parts or path.startswith("/") or ".." in parts or "\0" in path:
        raise ValueError(
            f'the path "{path}" must be one within the folder of this shell, without "/" before it or ".."'
        )
    return parts


@contextmanager
def _sentences(path: str, root: Path) -> Iterator[None]:
    """What the system has against a path, as a sentence that names it."""
    try:
        yield
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise ValueError(f'"{path}" is a symbolic link, or leads over one, which is not followed') from error
        if error.errno == errno.ENOTDIR:
            raise ValueError(f'a part of "{path}" is no folder, or a symbolic link, which is not followed') from error
        if error.errno is None or error.errno not in errno.errorcode:
            raise OSError(f'"{path}" in {root}: {error}') from error
        raise type(error)(f'"{path}" in {root}: {error.strerror or error}') from error


def _write_all(descriptor: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]
