"""Debugging a device's processor, for plain code. Generated from aio.py by `make generate`."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, ClassVar

from jumplab.driver import AsyncDriverClient, DriverClient
from jumplab.drivers.debug.aio import AsyncDebugClient
from jumplab.drivers.debug.interface import Loaded
from jumplab.drivers.network.forwarding import PlainForwarding, PlainSocketForwarding


class DebugClient(DriverClient):
    """The debug port of a device's processor. `open("connect")` is one connection of a debugger, as a byte stream."""

    asynchronous: ClassVar[type[AsyncDriverClient]] = AsyncDebugClient
    _twin: AsyncDebugClient

    def halt(self) -> None:
        """Halts the processor. A connected debugger sees it as an interrupt."""
        self._portal.run(self._twin.halt())

    def resume(self) -> None:
        """Lets a halted processor run on. Raises ValueError while a debugger is connected: it is to continue."""
        self._portal.run(self._twin.resume())

    def is_halted(self) -> bool:
        """Whether the processor is halted."""
        return self._portal.run(self._twin.is_halted())

    def reset(self, *, halt: bool = False) -> None:
        """Resets the device.  halt: it stays halted before its first instruction.

        While a debugger is connected, a halted processor stays halted in any case.
        """
        self._portal.run(self._twin.reset(halt=halt))

    @contextmanager
    def forward(self, port: int = 0, host: str = "127.0.0.1") -> Iterator[PlainForwarding]:
        """Listens on this machine for GDB's `target remote` while the context lasts: AsyncTcpClient.forward."""
        with self._portal.entered(self._twin.forward(port, host)) as stream:
            yield PlainForwarding(stream, self._portal)

    @contextmanager
    def forward_unix(self, path: str | os.PathLike[str] | None = None) -> Iterator[PlainSocketForwarding]:
        """Listens at a Unix socket of this machine while the context lasts: AsyncTcpClient.forward_unix."""
        with self._portal.entered(self._twin.forward_unix(path)) as stream:
            yield PlainSocketForwarding(stream, self._portal)

    def load(
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
        return self._portal.run(self._twin.load(file, address, size_bytes=size_bytes, progress=progress))
