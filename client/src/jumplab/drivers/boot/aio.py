"""A server that a board boots from, for asyncio."""

import asyncio
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from jumplab.driver import AsyncDriverClient, errors
from jumplab.drivers.boot.interface import BootAddress, BootFile, BootServerInterface
from jumplab.drivers.storage.local_files import Source


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
            sha256, sent_bytes = hashlib.sha256(), 0
            async with self.open("put", name=served_as, size_bytes=source.size_bytes) as remote:
                ended = asyncio.ensure_future(remote.result())
                try:
                    while block := await source.read(ended):
                        sha256.update(block)
                        await remote.send(block)
                        sent_bytes += len(block)
                        if progress is not None:
                            progress(sent_bytes)
                    await remote.send_end()
                finally:
                    ended.cancel()
                served = BootFile.model_validate_json(await remote.result())
        if served.sha256 != sha256.hexdigest():
            raise errors.CallBroken(
                f"what {self.path} serves is not what {source.name} holds: put it again", type="OSError"
            )
        return served

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
