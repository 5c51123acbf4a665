"""A device's shell, for plain code. Generated from aio.py by `make generate`."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import BinaryIO, ClassVar

from jumplab.driver import AsyncDriverClient, DriverClient
from jumplab.drivers.console.time_limits import TimeLimit
from jumplab.drivers.shell.aio import AsyncShellClient
from jumplab.drivers.shell.framing import Output
from jumplab.drivers.shell.interface import Transfer
from jumplab.drivers.shell.result import CommandResult


class ShellClient(DriverClient):
    """Runs commands, and moves files."""

    asynchronous: ClassVar[type[AsyncDriverClient]] = AsyncShellClient
    _twin: AsyncShellClient

    def run(
        self,
        command: Sequence[str],
        *,
        stdin: bytes | Path | BinaryIO = b"",
        timeout: TimeLimit | None = None,
        limit_bytes: int = 16 << 20,
        on_output: Callable[[Output, bytes], None] | None = None,
    ) -> CommandResult:
        """Runs a command until its end, whatever its exit status.

        command: its words, the program first; no shell reads them.  stdin: its standard input: bytes, a file of this
        machine, or what an open one or a pipe still has.  timeout: seconds, or a duration; then it is ended.
        limit_bytes: how much of both outputs is kept.  on_output: is called with each piece of an output (`stdout` or
        `stderr`) as it comes; none is kept then, and no limit holds.

        Raises CallTimedOut, OutputTooLong, CallRefused for a command that is not allowed, and CallDisconnected where
        the device is lost.
        """
        return self._portal.run(
            self._twin.run(command, stdin=stdin, timeout=timeout, limit_bytes=limit_bytes, on_output=on_output)
        )

    def upload(self, file: str | Path | BinaryIO, path: str, *, executable: bool = False) -> Transfer:
        """Writes a file of this machine, or what an open one or a pipe still has, into the file at `path`.

        executable: whether it can be run. The file is replaced when all has arrived. Raises OSError where `file` can't
        be read, CallRefused and CallBroken where `path` can't be written.
        """
        return self._portal.run(self._twin.upload(file, path, executable=executable))

    def download(self, path: str, file: str | Path | BinaryIO) -> Transfer:
        """Reads the file at `path` into a file of this machine, or an open one.

        A file that is there is overwritten once the first bytes have come; what came until an error is in it. Raises
        as `upload`.
        """
        return self._portal.run(self._twin.download(path, file))
