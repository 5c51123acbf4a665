"""A serial device on a pseudo terminal: what a board has at the other end of the cable."""

import os
import tty
from types import TracebackType
from typing import Self

from jumplab_exporter.drivers.console.ports import TerminalPort


class SerialDevice:
    """A device to talk to at `path`. Use as `async with`; leaving it unplugs the device."""

    def __init__(self) -> None:
        self._own, self._cable = os.openpty()
        tty.setraw(self._cable)
        self.path = os.ttyname(self._cable)

    async def __aenter__(self) -> Self:
        self._port = TerminalPort(self._own)
        os.close(self._own)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._port.aclose()
        os.close(self._cable)

    async def receive(self) -> bytes:
        """What was typed, waiting for it; b"" once the device is unplugged."""
        return await self._port.read()

    async def send(self, data: bytes) -> None:
        """Says something; waits while nobody takes it away."""
        await self._port.write(data)
