"""Commands on the device, over SSH."""

import asyncio
import posixpath
import secrets
import shlex
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from types import TracebackType
from typing import Self

from jumplab.driver import ByteStream, Driver
from jumplab.drivers.shell import ShellInterface, Transfer
from jumplab.drivers.shell.framing import Output
from jumplab_exporter.drivers.extras import needing
from jumplab_exporter.drivers.shell.marking import MarkedCommand
from jumplab_exporter.drivers.shell.ssh_ports import SshPorts
from jumplab_exporter.drivers.shell.streaming import (
    BLOCK_BYTES,
    Reader,
    converse,
    receive_into,
    require_command,
    send_from,
)
from jumplab_exporter.drivers.ssh_device import SshDevice

with needing("ssh"):
    import asyncssh

_KILL_SECONDS = 5.0
_BY_SIGNAL = 128
_SIGNALS = {"HUP": 1, "INT": 2, "QUIT": 3, "ILL": 4, "ABRT": 6, "FPE": 8, "KILL": 9, "USR1": 10, "SEGV": 11}
_SIGNALS |= {"USR2": 12, "PIPE": 13, "ALRM": 14, "TERM": 15}  # names of RFC 4254, 6.10; Linux' numbers


class SshShell(ShellInterface, SshDevice):
    """Commands on the device, over SSH.

    host, port: where the device is;  user: of the device;  host_key: its public host key, "ssh-ed25519 AAAA…": a device
    with another one is refused.  password, private_key: one of them, or both;  passphrase: of the private key.
    timeout: for connecting.
    required: a device that can't be reached between leases fails the exporter's health check.

    One connection serves all calls. One that was lost is made again at the next call. The child `network` forwards
    ports as the device reaches them.
    """

    required: bool = False

    def make_children(self) -> dict[str, Driver]:
        return {"network": SshPorts(self.place, self._connected)}

    @property
    def has_check(self) -> bool:
        return self.required

    async def check(self) -> None:
        """Connects and logs in, and runs nothing."""
        (await self.connected()).abort()

    async def __aenter__(self) -> Self:
        self._connection: asyncssh.SSHClientConnection | None = None
        self._connecting = asyncio.Lock()
        return await super().__aenter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._connection is not None:
            self._connection.abort()
        await super().__aexit__(kind, error, traceback)

    async def run(self, stream: ByteStream, *, command: list[str]) -> int:
        require_command(command)
        marked, shown = MarkedCommand(command), shlex.join(command)
        try:
            async with self._process(marked) as process:
                outputs: Mapping[Output, Reader] = {"stdout": process.stdout, "stderr": marked.errors(process.stderr)}
                await converse(stream, process.stdin, outputs, process.wait_closed)
        except (asyncssh.Error, ConnectionError) as error:
            raise self._lost(shown, error) from error
        if process.exit_signal is not None:
            return _BY_SIGNAL + _SIGNALS.get(str(process.exit_signal[0]), 0)
        if process.exit_status is None:
            raise self._lost(shown)
        return process.exit_status

    async def upload(self, stream: ByteStream, *, path: str, executable: bool = False) -> Transfer:
        _require_path(path)
        async with self._files() as files:
            part = f"{path}.{secrets.token_hex(8)}.part"
            with self._sentences(path):
                try:
                    async with files.open(part, "xb") as file:
                        moved = await receive_into(stream, file.write)
                    await files.chmod(part, 0o755 if executable else 0o644)
                    await self._replace(files, part, path)
                except BaseException:
                    with suppress(asyncssh.Error, OSError):
                        await files.remove(part)
                    raise
            return moved

    async def download(self, stream: ByteStream, *, path: str) -> Transfer:
        _require_path(path)
        async with self._files() as files:
            with self._sentences(path):
                async with files.open(path, "rb") as file:

                    async def blocks() -> AsyncIterator[bytes]:
                        while data := await file.read(BLOCK_BYTES):
                            assert isinstance(data, bytes)
                            yield data

                    return await send_from(stream, blocks())

    async def _replace(self, files: "asyncssh.SFTPClient", part: str, path: str) -> None:
        if await files.isdir(path):
            raise IsADirectoryError("it is a folder; name the file in it")
        try:
            await files.posix_rename(part, path)
        except asyncssh.SFTPOpUnsupported:  # an extension of OpenSSH's; the standard's own does not replace
            with suppress(asyncssh.SFTPError):
                await files.remove(path)
            await files.rename(part, path)

    async def _connected(self) -> "asyncssh.SSHClientConnection":
        async with self._connecting:
            if self._connection is None or self._connection.is_closed():
                self._connection = await self.connected()
            return self._connection

    @asynccontextmanager
    async def _process(self, command: MarkedCommand) -> AsyncIterator["asyncssh.SSHClientProcess[bytes]"]:
        """A command that runs on the device; it is killed where it is left before its end."""
        connection = await self._connected()
        try:
            process: asyncssh.SSHClientProcess[bytes] = await connection.create_process(command.line, encoding=None)
        except asyncssh.ChannelOpenError as error:
            raise OSError(f"{self.place} starts no further command: {error.reason.rstrip('.')}") from error
        try:
            yield process
        finally:
            if process.returncode is None and not connection.is_closed():
                await self._kill(connection, command)
            process.close()

    async def _kill(self, connection: "asyncssh.SSHClientConnection", command: MarkedCommand) -> None:
        """Ends a command with all that it has started in its process group, as far as the device lets us."""
        if command.process is None:
            return
        with suppress(asyncssh.Error, OSError):
            async with asyncio.timeout(_KILL_SECONDS):
                await connection.run(f"kill -KILL -{command.process}")

    @asynccontextmanager
    async def _files(self) -> AsyncIterator["asyncssh.SFTPClient"]:
        connection = await self._connected()
        try:
            files = await connection.start_sftp_client()
        except (asyncssh.ChannelOpenError, asyncssh.SFTPError) as error:
            raise OSError(
                f"{self.place} moves no files: it has no SFTP server ({error.reason.rstrip('.')}); install one there, "
                "as openssh-sftp-server"
            ) from error
        except (asyncssh.Error, OSError) as error:
            raise ConnectionError(f"the connection to {self.place} was lost") from error
        async with files:
            yield files

    @contextmanager
    def _sentences(self, path: str) -> Iterator[None]:
        """What the device has against a path, as a sentence that names it."""
        try:
            yield
        except (asyncssh.SFTPConnectionLost, asyncssh.SFTPNoConnection, asyncssh.DisconnectError) as error:
            raise ConnectionError(f'the connection to {self.place} was lost while "{path}" was moved') from error
        except asyncssh.SFTPError as error:
            raise OSError(f'"{path}" on {self.place}: {error.reason.rstrip(".")}') from error
        except OSError as error:
            raise OSError(f'"{path}" on {self.place}: {error}') from error

    def _lost(self, command: str, error: Exception | None = None) -> ConnectionError:
        if isinstance(error, ConnectionError) and self.place in str(error):
            return error
        return ConnectionError(
            f'the connection to {self.place} was lost while "{command}" ran; how that ended is unknown'
        )


def _require_path(path: str) -> None:
    """Raises ValueError for what can be no file's path."""
    if not path or "\0" in path or path.endswith("/") or posixpath.basename(path) in (".", ".."):
        raise ValueError(f'"{path}" is no path of a file')
