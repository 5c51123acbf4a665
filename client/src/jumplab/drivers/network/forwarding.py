"""Ports and Unix sockets of this machine whose connections lead to a device's service."""

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass

from jumplab.driver import AsyncDriverClient, ByteStream, Portal, ResultStream
from jumplab.driver.errors import DriverError, StreamReset
from jumplab.drivers.network.joining import join, reset
from jumplab.drivers.network.targets import port_of_device
from jumplab.drivers.network.unix_sockets import private_socket

_REASON_BOUND_SECONDS = 5.0

_log = logging.getLogger(__name__)

Notify = Callable[[str], None]
_Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], None]


@dataclass(frozen=True, slots=True)
class Forwarding:
    """Where to connect to: host and port on this machine."""

    host: str
    port: int


class PlainForwarding:
    """A Forwarding for plain code."""

    def __init__(self, forwarding: Forwarding, _portal: Portal) -> None:
        self.host = forwarding.host
        self.port = forwarding.port


@dataclass(frozen=True, slots=True)
class SocketForwarding:
    """Where to connect to: the path of a Unix socket on this machine."""

    path: str


class PlainSocketForwarding:
    """A SocketForwarding for plain code."""

    def __init__(self, forwarding: SocketForwarding, _portal: Portal) -> None:
        self.path = forwarding.path


@dataclass(frozen=True, slots=True)
class Service:
    """What connections are forwarded to.  name: in sentences.  open: one connection, as a byte stream."""

    name: str
    open: Callable[[], AbstractAsyncContextManager[ResultStream]]

    @classmethod
    def of(cls, client: AsyncDriverClient) -> "Service":
        """That of any client of a TcpInterface or a UnixInterface."""
        return cls(client.path, lambda: client.open("connect"))

    @classmethod
    def at(cls, client: AsyncDriverClient, to: int | str) -> "Service":
        """One that the device reaches, of any client of a PortsInterface.  to: PORT or HOST:PORT. Raises ValueError."""
        target = port_of_device(to)
        return cls(f"{client.path} {to}", lambda: client.open("connect", port=target.port, host=target.host))


@asynccontextmanager
async def forwarded(
    service: Service, port: int = 0, host: str = "127.0.0.1", notify: Notify = _log.warning
) -> AsyncIterator[Forwarding]:
    """Forwards a port of this machine. The arguments are those of AsyncTcpClient.forward."""
    async with _connections_to(service, notify) as serve:
        server = await asyncio.start_server(serve, host, port)
        try:
            bound = server.sockets[0].getsockname()
            yield Forwarding(bound[0], bound[1])
        finally:
            server.close()


@asynccontextmanager
async def forwarded_socket(
    service: Service, path: str | os.PathLike[str] | None = None, notify: Notify = _log.warning
) -> AsyncIterator[SocketForwarding]:
    """Forwards a Unix socket of this machine. The arguments are those of AsyncTcpClient.forward_unix."""
    async with _connections_to(service, notify) as serve:
        with private_socket(path) as place:
            server = await asyncio.start_unix_server(serve, place)
            try:
                yield SocketForwarding(str(place))
            finally:
                server.close()
                place.unlink(missing_ok=True)


@asynccontextmanager
async def _connections_to(service: Service, notify: Notify) -> AsyncIterator[_Serve]:
    """Serves connections while the context lasts; then those that are left are cut."""
    connections: set[asyncio.Task[None]] = set()

    def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(_connection(service, reader, writer, notify), name=f"connection to {service.name}")
        connections.add(task)
        task.add_done_callback(connections.discard)

    try:
        yield serve
    finally:
        left = list(connections)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)  # a TaskGroup would wrap what the caller raises


async def _connection(
    service: Service, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, notify: Notify
) -> None:
    """One connection from its first byte to its end. What goes wrong resets it, and is told."""
    try:
        async with service.open() as stream:
            await carry(stream, stream.result, reader, writer)
    except DriverError as error:
        notify(f"a connection to {service.name} was cut: {error}")
    except OSError:
        pass  # our side of it has gone: it knows
    finally:
        reset(writer)  # where it has not ended in order


async def carry(
    stream: ByteStream,
    result: Callable[[], Awaitable[bytes]],
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
) -> None:
    """Joins a connection to a driver's stream, until both have ended.  result: that of the driver's method.

    Raises OSError where the connection was reset, and DriverError, if possible what the driver has raised, which says
    more than that the stream was reset.
    """
    try:
        await join(stream, reader, writer)
    except StreamReset as error:
        raise await _reason(result) or error from error
    await result()


async def _reason(result: Callable[[], Awaitable[bytes]]) -> DriverError | None:
    try:
        async with asyncio.timeout(_REASON_BOUND_SECONDS):
            await result()
    except DriverError as error:
        return error
    except TimeoutError:
        pass
    return None
