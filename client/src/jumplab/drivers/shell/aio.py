"""A device's shell, for asyncio."""

import hashlib
import io
import shlex
from asyncio import timeout as limited
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import BinaryIO

from jumplab.driver import AsyncDriverClient, errors
from jumplab.drivers.console.time_limits import TimeLimit, seconds_of
from jumplab.drivers.shell.framing import Output
from jumplab.drivers.shell.interface import ShellInterface, Transfer
from jumplab.drivers.shell.result import Collected, CommandResult
from jumplab.drivers.shell.running import converse, send_all, transfer_of, words_of
from jumplab.drivers.storage.local_files import Source, Target


class AsyncShellClient(AsyncDriverClient, ShellInterface):
    """Runs commands, and moves files."""

    async def run(  # type: ignore[override] # standard input and both outputs take the place of the stream
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
        words = words_of(command)
        collected = Collected(shlex.join(words), limit_bytes, on_output)
        seconds = None if timeout is None else seconds_of(timeout)
        given = io.BytesIO(stdin) if isinstance(stdin, bytes) else stdin
        try:
            with Source.of(given, None) as source:
                async with limited(seconds), self.open("run", command=words) as remote:
                    status = await converse(remote, source, collected.receive)
        except TimeoutError as error:
            if isinstance(error, errors.CallFailed):
                raise
            raise errors.CallTimedOut(
                f'"{shlex.join(words)}" did not end within {seconds:g} s, and was ended{collected.end}',
                type="TimeoutError",
            ) from error
        return collected.result(status)

    async def upload(  # type: ignore[override] # a file of this machine takes the place of the stream
        self, file: str | Path | BinaryIO, path: str, *, executable: bool = False
    ) -> Transfer:
        """Writes a file of this machine, or what an open one or a pipe still has, into the file at `path`.

        executable: whether it can be run. The file is replaced when all has arrived. Raises OSError where `file` can't
        be read, CallRefused and CallBroken where `path` can't be written.
        """
        sha256 = hashlib.sha256()
        with Source.of(file, None) as source:
            async with self.open("upload", path=path, executable=executable) as remote:
                received = await send_all(remote, source, sha256.update)
        if received.sha256 != sha256.hexdigest():
            raise errors.CallBroken(f"{path} is not what {source.name} holds: upload it again", type="OSError")
        return received

    async def download(  # type: ignore[override] # as above
        self, path: str, file: str | Path | BinaryIO
    ) -> Transfer:
        """Reads the file at `path` into a file of this machine, or an open one.

        A file that is there is overwritten once the first bytes have come; what came until an error is in it. Raises
        as `upload`.
        """
        sha256 = hashlib.sha256()
        with Target.of(file) as target:
            async with self.open("download", path=path) as remote:
                while data := await remote.receive():
                    await target.write(data)
                    sha256.update(data)
                sent = transfer_of(await remote.result())
            target.begin()
        if sent.sha256 != sha256.hexdigest():
            raise errors.CallBroken(f"what came is not what {path} holds: download it again", type="OSError")
        return sent
