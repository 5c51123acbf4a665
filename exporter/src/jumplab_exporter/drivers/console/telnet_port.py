"""A port over telnet (RFC 854): a console server, or a device with a telnet server."""

import asyncio
from contextlib import suppress
from typing import Self

from jumplab_exporter.drivers.console.network import connected_to
from jumplab_exporter.drivers.console.telnet import BINARY, ECHO, SUPPRESS_GO_AHEAD, Subnegotiation, Telnet

_BLOCK_BYTES = 64 << 10
_TERMINAL_TYPE = 24  # RFC 1091
_IS, _SEND = b"\x00", b"\x01"
_BREAK = b"\xff\xf3"


class TelnetPort:
    """The bytes of a telnet connection.  terminal: what the server gets for its question for the terminal's type."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, terminal: str) -> None:
        self._reader = reader
        self._writer = writer
        self._terminal = terminal.encode()
        self._telnet = Telnet(
            performs=(BINARY, SUPPRESS_GO_AHEAD, _TERMINAL_TYPE), accepts=(BINARY, ECHO, SUPPRESS_GO_AHEAD)
        )

    @classmethod
    async def open(cls, host: str, port: int, terminal: str) -> Self:
        """Raises NotThereYet where the server may still come, else another OSError."""
        return cls(*await connected_to(host, port), terminal)

    async def read(self) -> bytes:
        while received := await self._reader.read(_BLOCK_BYTES):
            data = b""
            for each in self._telnet.receive(received):
                if isinstance(each, Subnegotiation):
                    self._answer(each)
                else:
                    data += each
            if outgoing := self._telnet.pop_outgoing():
                self._writer.write(outgoing)
                await self._writer.drain()
            if data:
                return data
        return b""

    async def write(self, data: bytes) -> None:
        self._writer.write(self._telnet.encode(data))
        await self._writer.drain()

    async def send_break(self, seconds: float) -> None:  # noqa: ARG002 - the server decides how long it is
        self._writer.write(_BREAK)
        await self._writer.drain()

    async def set_lines(self, *, dtr: bool | None, rts: bool | None) -> None:
        raise NotImplementedError("telnet has no DTR and no RTS; a server that speaks RFC 2217 has them")

    async def aclose(self) -> None:
        self._writer.transport.abort()
        with suppress(OSError):
            await self._writer.wait_closed()

    def _answer(self, asked: Subnegotiation) -> None:
        if asked == (_TERMINAL_TYPE, _SEND):
            self._telnet.subnegotiate(_TERMINAL_TYPE, _IS + self._terminal)
