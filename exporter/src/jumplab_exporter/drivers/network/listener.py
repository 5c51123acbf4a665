"""A port of the lab host that the device connects to."""

import asyncio
from collections.abc import Mapping
from types import TracebackType
from typing import Annotated, Any, ClassVar, Self

from pydantic import Field, IPvAnyAddress

from jumplab.driver import ByteStream, Driver
from jumplab.drivers.network import ListenerInterface
from jumplab.drivers.network.frames import FramedStream
from jumplab.drivers.network.joining import join, reset
from jumplab_exporter.drivers.listening import listening_refused

_WAITING = 32
_Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class TcpListener(ListenerInterface, Driver):
    """Lets the device connect to a service of the client's side.

    host: the address of this host in the network of the device.  port: 0: any free one, which the client is told.
    """

    example_configuration: ClassVar[Mapping[str, Any]] = {"host": "192.168.7.1", "port": 8080}

    host: IPvAnyAddress
    port: Annotated[int, Field(ge=0, le=65535)]

    async def __aenter__(self) -> Self:
        self._waiting: asyncio.Queue[_Connection] = asyncio.Queue(_WAITING)
        self._accepting = 0
        self._said = ""
        host = str(self.host)
        try:
            self._server = await asyncio.start_server(self._arrived, host, self.port)
        except OSError as error:
            raise listening_refused(error, host, self.port, ("host", "port")) from error
        return await super().__aenter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.close()
        self._refuse_waiting()
        await super().__aexit__(kind, error, traceback)

    async def check(self) -> None:
        """To be set up, it has listened at its port already; there is nothing more to try."""

    async def accept(self, stream: ByteStream) -> None:
        self._accepting += 1
        try:
            await FramedStream(stream).send_frame(b"")
            reader, writer = await self._waiting.get()
            await self._join(stream, reader, writer)
        finally:
            self._accepting -= 1
            if not self._accepting:
                self._refuse_waiting()

    async def address(self) -> str:
        return _named(self._server.sockets[0].getsockname())

    def _arrived(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self._accepting:
            self._refuse(writer, "nobody accepts connections")
            return
        try:
            self._waiting.put_nowait((reader, writer))
        except asyncio.QueueFull:
            self._refuse(writer, f"{_WAITING} connections wait already")

    async def _join(self, stream: ByteStream, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = _named(writer.get_extra_info("peername"))
        self._said = ""
        try:
            await FramedStream(stream).send_frame(peer.encode())
            await join(stream, reader, writer)
        except OSError as error:
            raise ConnectionResetError(f"{peer} has reset the connection") from error
        finally:
            reset(writer)  # where it has not ended in order

    def _refuse(self, writer: asyncio.StreamWriter, reason: str) -> None:
        """Resets a connection. Says so once, since a device tries again and again."""
        if reason != self._said:
            self._said = reason
            self.log.info("a connection from %s was refused: %s", _named(writer.get_extra_info("peername")), reason)
        reset(writer)

    def _refuse_waiting(self) -> None:
        while not self._waiting.empty():
            reset(self._waiting.get_nowait()[1])


def _named(address: Any) -> str:
    """An address of the system's as HOST:PORT; None of a connection that has gone already."""
    if not address:
        return "a device that has gone"
    host, port = address[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
