"""TCP ports as a device reaches them itself, over its SSH server."""

import asyncio
from collections.abc import Awaitable, Callable

from jumplab.driver import ByteStream, Driver
from jumplab.drivers.network import PortsInterface
from jumplab.drivers.network.joining import join_with
from jumplab_exporter.drivers.extras import needing

with needing("ssh"):
    import asyncssh

_PORTS = 65535

Connected = Callable[[], Awaitable["asyncssh.SSHClientConnection"]]


class SshPorts(PortsInterface, Driver):
    """The ports of a device.  place: the device in sentences.  connected: gives the connection to it."""

    def __init__(self, place: str, connected: Connected) -> None:
        super().__init__()
        self._place = place
        self._connected = connected

    async def connect(self, stream: ByteStream, *, port: int, host: str = "127.0.0.1") -> None:
        if not host or not 0 < port <= _PORTS:
            raise ValueError(f'"{host}:{port}" is no place; name a host and a port from 1 to {_PORTS}')
        connection = await self._connected()
        reader, writer = await self._opened(connection, host, port)
        channel = _Channel(connection, reader, writer)
        try:
            await join_with(stream, channel, channel, writer.channel.abort)
        except (asyncssh.Error, OSError) as error:
            raise ConnectionResetError(f"the connection from {self._place} to {host}:{port} was reset") from error

    async def _opened(
        self, connection: "asyncssh.SSHClientConnection", host: str, port: int
    ) -> tuple["asyncssh.SSHReader[bytes]", "asyncssh.SSHWriter[bytes]"]:
        opening = asyncio.create_task(connection.open_connection(host, port), name=f"a channel to {host}:{port}")
        try:
            return await asyncio.shield(opening)
        except asyncio.CancelledError:
            opening.add_done_callback(_abort)  # the device may open it all the same, and nobody would close it
            raise
        except asyncssh.ChannelOpenError as error:
            if error.code == asyncssh.OPEN_ADMINISTRATIVELY_PROHIBITED:
                raise PermissionError(
                    f"{self._place} forwards no connection to {host}:{port}; allow it there, for OpenSSH by "
                    "`AllowTcpForwarding` in its sshd_config"
                ) from error
            raise ConnectionError(f"{self._place} can't reach {host}:{port}: {error.reason.rstrip('.')}") from error
        except (asyncssh.Error, OSError) as error:
            raise ConnectionError(f"the connection to {self._place} was lost") from error


def _abort(opening: "asyncio.Task[tuple[asyncssh.SSHReader[bytes], asyncssh.SSHWriter[bytes]]]") -> None:
    if not opening.cancelled() and opening.exception() is None:
        opening.result()[1].channel.abort()


class _Channel:
    """A channel as a connection that can be joined: what SSH shows of a reset is no end."""

    def __init__(
        self,
        connection: "asyncssh.SSHClientConnection",
        reader: "asyncssh.SSHReader[bytes]",
        writer: "asyncssh.SSHWriter[bytes]",
    ) -> None:
        self._connection = connection
        self._reader = reader
        self._writer = writer
        self._ended = False

    async def read(self, n: int, /) -> bytes:
        """The next bytes; b"" at the end. A channel that is closed before we have ended it was reset."""
        data = await self._reader.read(n)
        if not data and (self._connection.is_closed() or (self._writer.is_closing() and not self._ended)):
            raise ConnectionResetError
        return data

    def write(self, data: bytes, /) -> None:
        self._writer.write(data)

    async def drain(self) -> None:
        await self._writer.drain()

    def write_eof(self) -> None:
        self._ended = True
        self._writer.write_eof()

    def close(self) -> None:
        self._writer.close()

    async def wait_closed(self) -> None:
        await self._writer.wait_closed()
