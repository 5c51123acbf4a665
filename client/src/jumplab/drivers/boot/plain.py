"""A server that a board boots from, for plain code. Generated from aio.py by `make generate`."""

from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, ClassVar

from jumplab.driver import AsyncDriverClient, DriverClient
from jumplab.drivers.boot.aio import AsyncBootServerClient
from jumplab.drivers.boot.interface import BootAddress, BootFile


class BootServerClient(DriverClient):
    """A server that the board loads files from. It forgets them with the lease."""

    asynchronous: ClassVar[type[AsyncDriverClient]] = AsyncBootServerClient
    _twin: AsyncBootServerClient

    def remove(self, name: str) -> None:
        """Serves the file no longer; a board that loads it already gets it to the end. Raises FileNotFoundError."""
        self._portal.run(self._twin.remove(name))

    def files(self) -> list[BootFile]:
        """What is served, by name."""
        return self._portal.run(self._twin.files())

    def addresses(self) -> list[BootAddress]:
        """Where the board asks for it."""
        return self._portal.run(self._twin.addresses())

    def load_command(self, name: str, address: str = "${loadaddr}") -> str:
        """The command for U-Boot that loads the file to `address` in the board's memory, by TFTP.

        Raises FileNotFoundError for a file that isn't served, ValueError where U-Boot can't ask this server.
        """
        return self._portal.run(self._twin.load_command(name, address))

    def put(
        self,
        file: str | Path | BinaryIO,
        *,
        name: str | None = None,
        size_bytes: int | None = None,
        progress: Callable[[int], None] | None = None,
    ) -> BootFile:
        """Serves a file of this machine, or what an open one or a pipe still has.

        name: what the board asks for; None: the file's own name.  size_bytes: how much it has, for a pipe.
        progress: is called with the number of bytes sent so far.

        A file of this name is replaced once the new one is there as a whole.

        Raises OSError where the file can't be read, CallRefused where it can't be served, and CallBroken where what
        arrived is not what was sent.
        """
        return self._portal.run(self._twin.put(file, name=name, size_bytes=size_bytes, progress=progress))

    def url(self, name: str) -> str:
        """The file's address for a board that loads by HTTP. Raises CallRefused where there is no HTTP."""
        return self._portal.run(self._twin.url(name))

    def nfs_path(self, name: str = "") -> str:
        """The file for a board that mounts by NFS, as `host:/folder/file`; "": the folder with all files.

        Raises CallRefused where there is no NFS.
        """
        return self._portal.run(self._twin.nfs_path(name))
