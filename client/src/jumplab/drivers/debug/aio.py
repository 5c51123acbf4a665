"""Debugging a device's processor, for asyncio."""

import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import BinaryIO

from jumplab.driver import AsyncDriverClient
from jumplab.drivers.debug.interface import DebugInterface, Loaded
from jumplab.drivers.network.forwarding import Forwarding, Service, SocketForwarding, forwarded, forwarded_socket
from jumplab.drivers.storage.local_files import Source
from jumplab.drivers.storage.uploading import upload_compared


class AsyncDebugClient(AsyncDriverClient, DebugInterface):
    """The debug port of a device's processor. `open("connect")` is one connection of a debugger, as a byte stream."""

    @asynccontextmanager
    async def forward(self, port: int = 0, host: str = "127.0.0.1") -> AsyncIterator[Forwarding]:
        """Listens on this machine for GDB's `target remote` while the context lasts: AsyncTcpClient.forward."""
        async with forwarded(Service.of(self), port, host) as forwarding:
            yield forwarding

    @asynccontextmanager
    async def forward_unix(self, path: str | os.PathLike[str] | None = None) -> AsyncIterator[SocketForwarding]:
        """Listens at a Unix socket of this machine while the context lasts: AsyncTcpClient.forward_unix."""
        async with forwarded_socket(Service.of(self), path) as forwarding:
            yield forwarding

    async def load(  # type: ignore[override] # a file of this machine takes the place of a byte stream
        self,
        file: str | Path | BinaryIO,
        address: int,
        *,
        size_bytes: int | None = None,
        progress: Callable[[int], None] | None = None,
    ) -> Loaded:
        """Writes a file of this machine, or what an open one or a pipe still has, into memory from `address` on.

        The bytes are written as they are: of an ELF file GDB's own `load` knows the addresses.  size_bytes: how much it
        has, for a pipe.  progress: is called with the number of bytes sent so far.

        Raises OSError where the file can't be read, CallRefused where it can't be loaded now, and CallBroken where
        memory can't be written, or what was written is not what was sent.
        """
        with Source.of(file, size_bytes) as source:
            differs = f"what {self.path} has loaded is not what {source.name} holds: load it again"
            async with self.open("load", address=address, size_bytes=source.size_bytes) as remote:
                return await upload_compared(remote, source, progress, Loaded.model_validate_json, differs)
