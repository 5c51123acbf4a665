"""Commands on the lab host, from a list that its administrator has written."""

import asyncio
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, Field

from jumplab.driver import ByteStream, Driver
from jumplab.drivers.shell import ShellInterface, Transfer
from jumplab.drivers.shell.framing import Output
from jumplab_exporter.drivers.shell.allowed import Allowed
from jumplab_exporter.drivers.shell.folder import Folder
from jumplab_exporter.drivers.shell.streaming import Reader, converse, require_command
from jumplab_exporter.processes.child import Child

_LAST_OUTPUT_SECONDS = 1.0


def _is_absolute(path: Path) -> Path:
    if not path.is_absolute():
        raise ValueError(f"the path {path} must begin with /")
    return path


class LocalShell(ShellInterface, Driver):
    """Commands on the lab host that its configuration allows.  commands: by name, each a line, or a mapping with
    `command` and `arguments`, which has a pattern for each argument that clients must give.

    folder: where the commands run, and where clients may upload and download files; without it they can't.
    Clients name a command and give it arguments. No shell reads them, and one that begins with `-` is refused, unless
    its pattern begins so.
    """

    example_configuration: ClassVar[Mapping[str, Any]] = {
        "commands": {
            "version": "uname -r",
            "flash": {"command": "openocd -f board.cfg -f", "arguments": [r"\w+\.cfg"]},
        },
    }

    commands: Annotated[dict[str, Allowed], Field(min_length=1)]
    folder: Annotated[Path, AfterValidator(_is_absolute)] | None = None

    async def check(self) -> None:
        """Looks whether each program is there, and runs none."""
        for name, allowed in self.commands.items():
            if shutil.which(allowed.command[0], path=os.environ.get("PATH")) is None:
                raise FileNotFoundError(
                    f'the program {allowed.command[0]} of the command "{name}" was not found; install it, or correct '
                    "its path"
                )
        if self.folder is not None and not self.folder.is_dir():
            raise FileNotFoundError(f"{self.folder} is not there; make the folder")

    async def run(self, stream: ByteStream, *, command: list[str]) -> int:
        words = self._allowed(command)
        try:
            started = await Child.start(words, folder=self.folder, separate=True)
        except OSError as error:
            raise OSError(f'"{command[0]}" could not be started: {error.strerror or error}') from error
        async with started as child:
            return await _Run(child).passed_on(stream)

    async def upload(self, stream: ByteStream, *, path: str, executable: bool = False) -> Transfer:
        return await self._folder().upload(stream, path, executable=executable)

    async def download(self, stream: ByteStream, *, path: str) -> Transfer:
        return await self._folder().download(stream, path)

    def _allowed(self, command: list[str]) -> list[str]:
        require_command(command)
        name, *arguments = command
        if name not in self.commands:
            known = ", ".join(self.commands)
            raise ValueError(f'"{name}" is none of the commands that this shell allows: {known}')
        return self.commands[name].words(name, arguments)

    def _folder(self) -> Folder:
        if self.folder is None:
            raise NotImplementedError("this shell has no `folder` in its configuration, so it moves no files")
        return Folder(self.folder)


class _Run:
    """One command that runs."""

    def __init__(self, child: Child) -> None:
        self._child = child
        self._ended = False
        self._bounds: set[asyncio.Timeout] = set()

    async def passed_on(self, stream: ByteStream) -> int:
        """Passes on what it says, until its end: its exit status."""
        waiting = asyncio.create_task(self._child.wait(), name="end of a command")
        outputs: Mapping[Output, Reader] = {
            "stdout": _Bounded(self, self._child.output),
            "stderr": _Bounded(self, self._child.errors),
        }
        passing = asyncio.create_task(
            converse(stream, self._child.given, outputs, self._child.wait), name="streams of a command"
        )
        try:
            await asyncio.wait({waiting, passing}, return_when=asyncio.FIRST_COMPLETED)
            if passing.done():
                passing.result()
            status = await waiting
            await self._child.kill()
            self._end()
            await passing
            return status
        finally:
            for task in (waiting, passing):
                task.cancel()
            await asyncio.gather(waiting, passing, return_exceptions=True)

    async def read(self, reader: asyncio.StreamReader, size_bytes: int) -> bytes:
        """The next bytes of an output. A process that left the group may hold it open for ever."""
        bound = asyncio.timeout(_LAST_OUTPUT_SECONDS if self._ended else None)
        self._bounds.add(bound)
        try:
            async with bound:
                return await reader.read(size_bytes)
        except TimeoutError:
            return b""
        finally:
            self._bounds.discard(bound)

    def _end(self) -> None:
        self._ended = True
        for bound in self._bounds:
            bound.reschedule(asyncio.get_running_loop().time() + _LAST_OUTPUT_SECONDS)


class _Bounded:
    def __init__(self, run: _Run, reader: asyncio.StreamReader) -> None:
        self._run = run
        self._reader = reader

    async def read(self, size_bytes: int) -> bytes:
        return await self._run.read(self._reader, size_bytes)
