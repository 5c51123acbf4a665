"""The files of one lease: without names on the disk, so that nothing is left of them however the exporter ends.

Those that an NFS server hands out have names beside that.
"""

import errno
import hashlib
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import BinaryIO

from jumplab.driver import ByteStream
from jumplab.drivers.boot import BootFile
from jumplab_exporter.drivers.boot.nfs import NfsFolder

_LONGEST_NAME = 128  # U-Boot's own bound for the name of a file
_NAME = re.compile(r"[A-Za-z0-9_.+=@-]+(?:/[A-Za-z0-9_.+=@-]+)*")


@dataclass(frozen=True, slots=True)
class _Stored:
    content: BinaryIO
    about: BootFile


class ServedFiles:
    """capacity_bytes: how much they may have together.  folder: has them by their names, too, for an NFS server."""

    def __init__(self, capacity_bytes: int, folder: NfsFolder | None = None) -> None:
        self._capacity_bytes = capacity_bytes
        self._folder = folder
        self._stored: dict[str, _Stored] = {}
        self._arriving_bytes = 0

    def close(self) -> None:
        for stored in self._stored.values():
            stored.content.close()
        self._stored.clear()

    def __iter__(self) -> Iterator[BootFile]:
        """By name."""
        return (self._stored[name].about for name in sorted(self._stored))

    def find(self, name: str) -> BootFile | None:
        """The file that a board asks for by this name, with a slash before it or not."""
        stored = self._stored.get(name.lstrip("/"))
        return stored.about if stored is not None else None

    def require(self, name: str) -> BootFile:
        """Raises FileNotFoundError."""
        if (found := self.find(name)) is not None:
            return found
        served = ", ".join(sorted(self._stored)) or "no files at all"
        raise FileNotFoundError(f'no file "{name}" is served here; what is: {served}')

    @contextmanager
    def opened(self, name: str) -> Iterator[tuple[int, BootFile]]:
        """A descriptor of the content as it is now, whatever becomes of the file. Raises FileNotFoundError."""
        self.require(name)
        stored = self._stored[name.lstrip("/")]
        descriptor = os.dup(stored.content.fileno())
        try:
            yield descriptor, stored.about
        finally:
            os.close(descriptor)

    def remove(self, name: str) -> None:
        """Raises FileNotFoundError."""
        self.require(name)
        if self._folder is not None:
            self._folder.remove(name.lstrip("/"))
        self._stored.pop(name.lstrip("/")).content.close()

    async def receive(self, stream: ByteStream, name: str, size_bytes: int | None) -> BootFile:
        """Stores what comes, whole or not at all. Raises ValueError, and OSError where the host's disk is full."""
        check_name(name)
        self._check_room(name, size_bytes or 0)
        content = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - it stays as long as it is served
        received_bytes = 0
        try:
            digest = hashlib.sha256()
            while block := await stream.receive():
                self._check_room(name, len(block))
                _write_all(content.fileno(), block)
                self._arriving_bytes += len(block)
                received_bytes += len(block)
                digest.update(block)
            if size_bytes is not None and received_bytes != size_bytes:
                raise ValueError(f'"{name}" was to have {size_bytes} bytes, and {received_bytes} came; put it again')
            if self._folder is not None:
                await self._folder.put(name, content.fileno())
        except BaseException:
            content.close()
            raise
        finally:
            self._arriving_bytes -= received_bytes
        about = BootFile(name=name, size_bytes=received_bytes, sha256=digest.hexdigest())
        with suppress(KeyError):
            self._stored[name].content.close()
        self._stored[name] = _Stored(content, about)
        return about

    def _check_room(self, name: str, more_bytes: int) -> None:
        used = self._arriving_bytes + sum(stored.about.size_bytes for stored in self._stored.values())
        if used + more_bytes > self._capacity_bytes:
            raise ValueError(
                f'"{name}" does not fit: the files of a lease may have {self._capacity_bytes >> 20} MiB together, and '
                f"{used >> 20} are taken; remove one, or have `capacity_mib` raised"
            )


def check_name(name: str) -> None:
    """Raises ValueError for a name that no board could ask for."""
    parts = name.split("/")
    if len(name) > _LONGEST_NAME or not _NAME.fullmatch(name) or not {".", ".."}.isdisjoint(parts):
        raise ValueError(
            f"{name!r} can't be served: a name has letters, digits and -_.+=@, may have folders before it "
            f"(pxelinux.cfg/default), and has {_LONGEST_NAME} characters at most"
        )


def _write_all(descriptor: int, block: bytes | bytearray | memoryview) -> None:
    rest = memoryview(block)
    try:
        while rest:
            rest = rest[os.write(descriptor, rest) :]
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise OSError(f"the exporter's disk is full ({tempfile.gettempdir()}); free some of it") from None
        raise
