"""A port of this machine whose connections lead to a device's service."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from jumplab.driver import AsyncDriverClient, Portal, ResultStream
from jumplab.driver.errors import DriverError, StreamReset
from jumplab.drivers.network.joining import join, reset

_REASON_BOUND_SECONDS = 5.0

_log = logging.getLogger(__name__)

Notify = Callable[[str], None]


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


@asynccontextmanager
async def forwarded(
    service: AsyncDriverClient, port: int = 0, host: str = "127.0.0.1", notify: Notify = _log.warning
) -> AsyncIterator[Forwarding]:
    """Forwards through any client of a TcpInterface. The arguments are those of AsyncTcpClient.forward."""
    connections: set[asyncio.Task[None]] = set()

    def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(_connection(service, reader, writer, notify), name=f"connection to {service.path}")
        connections.add(task)
        task.add_done_callback(connections.discard)

    server = await asyncio.start_server(serve, host, port)
    try:
        bound = server.sockets[0].getsockname()
        yield Forwarding(bound[0], bound[1])
    finally:
        server.close()
        left = list(connections)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)  # a TaskGroup would wrap what the caller raises


async def _connection(
    service: AsyncDriverClient, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, notify: Notify
) -> None:
    """One connection from its first byte to its end. What goes wrong resets it, and is told."""
    try:
        async with service.open("connect") as stream:
            try:
                await join(stream, reader, writer)
            except StreamReset as error:
                raise await _reason(stream) or error from error
            await stream.result()
    except DriverError as error:
        notify(f"a connection to {service.path} was cut: {error}")
    except OSError:
        pass  # our side of it has gone: it knows
    finally:
        reset(writer)  # where it has not ended in order


async def _reason(stream: ResultStream) -> DriverError | None:
    """What the driver has raised, which says more than that the stream was reset."""
    try:
        async with asyncio.timeout(_REASON_BOUND_SECONDS):
            await stream.result()
    except DriverError as error:
        return error
    except TimeoutError:
        pass
    return None
