"""A console over SSH: a device's shell at a terminal, or a console server's line."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any, ClassVar

from jumplab_exporter.drivers.console.absence import NotThereYet
from jumplab_exporter.drivers.console.ports import Port
from jumplab_exporter.drivers.console.reconnecting import ReconnectingConsole
from jumplab_exporter.drivers.extras import needing
from jumplab_exporter.drivers.ssh_device import SshDevice, WrongHostKey
from jumplab_exporter.drivers.terminals import COLUMNS, ROWS, TerminalType

with needing("ssh"):
    import asyncssh

_BLOCK_BYTES = 64 << 10


class SshConsole(ReconnectingConsole, SshDevice):
    """A console over SSH.  command: what runs at the other end; without it the user's shell, or a server's line.

    host, port: of the server;  user: there;  host_key: its public host key, "ssh-ed25519 AAAA…": a server with another
    one is refused.  password, private_key: one of them, or both;  passphrase: of the private key.
    timeout: for connecting;  terminal: the terminal's type.
    required: a server that is not there when a lease begins fails the driver.
    A server that is not there yet is connected to when it comes, and again when its connection was lost.
    """

    example_configuration: ClassVar[Mapping[str, Any]] = SshDevice.example_configuration

    command: str | None = None
    terminal: TerminalType = "vt100"

    @property
    def _place(self) -> str:
        return f"ssh://{self.place}"

    async def _open(self) -> Port:
        try:
            connection = await self.connected()
        except (PermissionError, WrongHostKey):
            raise
        except ValueError as error:
            raise ConnectionError(str(error)) from error
        except OSError as error:
            raise NotThereYet(str(error).removeprefix(f"{self.place} ")) from error
        try:
            return SshPort(connection, await self._started(connection))
        except BaseException:
            connection.abort()
            raise

    async def _started(self, connection: "asyncssh.SSHClientConnection") -> "asyncssh.SSHClientProcess[bytes]":
        try:
            return await connection.create_process(
                self.command,
                term_type=self.terminal,
                term_size=(COLUMNS, ROWS),
                encoding=None,
                stderr=asyncssh.STDOUT,
            )
        except asyncssh.ChannelOpenError as error:
            raise ConnectionError(f"the server gives no terminal: {error.reason.rstrip('.')}") from error
        except asyncssh.Error as error:
            raise NotThereYet("the connection was lost at once") from error


class SshPort:
    """The terminal of a process at the other end of SSH. The connection is the port's own."""

    def __init__(self, connection: "asyncssh.SSHClientConnection", process: "asyncssh.SSHClientProcess[bytes]") -> None:
        self._connection = connection
        self._process = process

    async def read(self) -> bytes:
        try:
            return await self._process.stdout.read(_BLOCK_BYTES)
        except asyncssh.Error as error:
            raise ConnectionError("the connection was lost") from error

    async def write(self, data: bytes) -> None:
        try:
            self._process.stdin.write(data)
            await self._process.stdin.drain()
        except asyncssh.Error as error:
            raise ConnectionError("the connection was lost; the input did not reach the device") from error

    async def send_break(self, seconds: float) -> None:
        try:
            self._process.send_break(round(seconds * 1000))
        except asyncssh.Error as error:
            raise ConnectionError("the connection was lost") from error

    async def set_lines(self, *, dtr: bool | None, rts: bool | None) -> None:
        raise NotImplementedError("SSH has no DTR and no RTS")

    async def aclose(self) -> None:
        with suppress(asyncssh.Error, OSError):
            self._process.close()
        self._connection.abort()
