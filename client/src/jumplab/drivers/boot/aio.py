"""A server that a board boots from, for asyncio."""

from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from jumplab.driver import AsyncDriverClient, errors
from jumplab.drivers.boot.interface import BootAddress, BootFile, BootServerInterface
from jumplab.drivers.storage.local_files import Source
from jumplab.drivers.storage.uploading import upload_compared


class AsyncBootServerClient(AsyncDriverClient, BootServerInterface):
    """A server that the board loads files from. It forgets them with the lease."""

    async def put(  # type: ignore[override] # a file of this machine takes the place of a byte stream
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
        with Source.of(file, size_bytes) as source:
            served_as = Path(source.name).name if name is None else name
            differs = f"what {self.path} serves is not what {source.name} holds: put it again"
            async with self.open("put", name=served_as, size_bytes=source.size_bytes) as remote:
                return await upload_compared(remote, source, progress, BootFile.model_validate_json, differs)

    async def url(self, name: str) -> str:
        """The file's address for a board that loads by HTTP. Raises CallRefused where there is no HTTP."""
        address = await self._address("http")
        host = f"[{address.host}]" if ":" in address.host else address.host
        return f"http://{host}:{address.port}/{name}"

    async def nfs_path(self, name: str = "") -> str:
        """The file for a board that mounts by NFS, as `host:/folder/file`; "": the folder with all files.

        Raises CallRefused where there is no NFS.
        """
        address = await self._address("nfs")
        host = f"[{address.host}]" if ":" in address.host else address.host
        return f"{host}:{address.path}/{name}".rstrip("/")

    async def _address(self, protocol: str) -> BootAddress:
        for address in await self.addresses():
            if address.protocol == protocol:
                return address
        raise errors.CallRefused(f"{self.path} serves no files by {protocol.upper()}", type="ValueError")
