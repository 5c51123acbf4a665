"""A child process in a process group of its own, which dies with the exporter."""

import asyncio
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from jumplab.children import Spawned, spawn

_GUARD = Path(__file__).with_name("guard.py")


class Child:
    """A running command. Leaving its context kills what is left of its process group and waits for its end.

    Its output (`output`) is standard output and standard error together. `returncode` of a command that a signal ended
    is 128 + the signal's number, as in a shell; 127 says that the command could not be run.
    """

    def __init__(self, process: Spawned, lifeline: int, output: "_Output") -> None:
        self.output = output.reader
        self._pipe = output.pipe
        self._process = process
        self._lifeline: int | None = lifeline

    @classmethod
    async def start(
        cls,
        command: Sequence[str],
        *,
        environment: Mapping[str, str] | None = None,
        inherited_descriptors: Sequence[int] = (),
    ) -> Self:
        """Starts a command, with the open descriptors `keep_descriptors` under their numbers.

        The process is the caller's to end, with `kill` or by leaving its context.
        """
        child_end, own_end = os.pipe()
        output = await _Output.open()
        try:
            process = spawn(
                (sys.executable, "-I", "-S", str(_GUARD), str(child_end), *command),
                environment=environment,
                output=output.writing_end,
                inherited_descriptors=(child_end, *inherited_descriptors),
                own_session=True,
            )
        except BaseException:
            os.close(own_end)
            output.pipe.close()
            raise
        finally:
            os.close(output.writing_end)
            os.close(child_end)
        return cls(process, own_end, output)

    @property
    def returncode(self) -> int | None:
        return self._process.returncode

    async def wait(self) -> int:
        """Waits for the command's end, without a bound: it is the caller's."""
        return await self._process.wait()

    async def kill(self) -> int:
        """Ends the whole process group at once. May be called twice, and after the command's end."""
        self._signal_group(signal.SIGKILL)
        if self._lifeline is not None:
            os.close(self._lifeline)
            self._lifeline = None
        return await self._process.wait()

    def _signal_group(self, number: signal.Signals) -> None:
        try:
            os.killpg(self._process.pid, number)
        except ProcessLookupError:
            return

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.kill()
        self._pipe.close()


@dataclass(frozen=True, slots=True)
class _Output:
    """A pipe of our own: asyncio's would delay `wait` for as long as anything that a command left holds it open."""

    reader: asyncio.StreamReader
    pipe: asyncio.ReadTransport
    writing_end: int

    @classmethod
    async def open(cls) -> Self:
        reading, writing = os.pipe()
        reader = asyncio.StreamReader()
        pipe, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(reading, "rb", buffering=0)
        )
        return cls(reader, pipe, writing)
