"""A child process in a process group of its own, which dies with the exporter."""

import asyncio
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from jumplab.children import Spawned, spawn
from jumplab_exporter.processes.clean_environment import clean_environment

_GUARD = Path(__file__).with_name("guard.py")


class Child:
    """A running command. Leaving its context kills what is left of its process group and waits for its end.

    Its output (`output`) is standard output and standard error together. `returncode` of a command that a signal ended
    is 128 + the signal's number, as in a shell; 127 says that the command could not be run.
    """

    def __init__(self, process: Spawned, lifeline: int, pipes: "_Pipes") -> None:
        self._pipes = pipes
        self._process = process
        self._lifeline: int | None = lifeline

    @classmethod
    async def start(
        cls,
        command: Sequence[str],
        *,
        environment: Mapping[str, str] | None = None,
        folder: Path | None = None,
        inherited_descriptors: Sequence[int] = (),
        separate: bool = False,
        terminal: int | None = None,
    ) -> Self:
        """Starts a command, with the open descriptors `inherited_descriptors` under their numbers.

        environment: its variables; None: the `clean_environment`.  separate: `errors` is standard error, and what is
        written to `given` is standard input.  terminal: the descriptor of a terminal that becomes all three, and the
        command's controlling one; there is no `output` then.
        The process is the caller's to end, with `kill` or by leaving its context.
        """
        child_end, own_end = os.pipe()
        pipes = _Pipes()
        try:
            if terminal is None:
                await pipes.open(separate=separate)
            process = spawn(
                (sys.executable, "-I", "-S", str(_GUARD), str(child_end), *command),
                environment=clean_environment() if environment is None else environment,
                output=pipes.ends["output"] if terminal is None else terminal,
                errors=pipes.ends.get("errors"),
                given=pipes.ends.get("given", terminal),
                folder=folder,
                inherited_descriptors=(child_end, *inherited_descriptors),
                own_session=True,
            )
        except BaseException:
            os.close(own_end)
            pipes.close()
            raise
        finally:
            pipes.close_ends()
            os.close(child_end)
        return cls(process, own_end, pipes)

    @property
    def output(self) -> asyncio.StreamReader:
        return self._pipes.readers["output"]

    @property
    def errors(self) -> asyncio.StreamReader:
        """Standard error of a command that was started with `separate`."""
        return self._pipes.readers["errors"]

    @property
    def given(self) -> asyncio.StreamWriter:
        """Standard input of such a command."""
        assert self._pipes.given is not None
        return self._pipes.given

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
        self._pipes.close()


class _Pipes:
    """Pipes of our own: asyncio's would delay `wait` for as long as anything that a command left holds them open.

    ends: the command's, until it has them.
    """

    def __init__(self) -> None:
        self.ends: dict[str, int] = {}
        self.readers: dict[str, asyncio.StreamReader] = {}
        self.given: asyncio.StreamWriter | None = None
        self._transports: list[asyncio.BaseTransport] = []

    async def open(self, *, separate: bool) -> None:
        await self._open_reader("output")
        if separate:
            await self._open_reader("errors")
            await self._open_writer("given")

    def close_ends(self) -> None:
        for end in self.ends.values():
            os.close(end)
        self.ends.clear()

    def close(self) -> None:
        for transport in self._transports:
            transport.close()

    async def _open_reader(self, name: str) -> None:
        reading, self.ends[name] = os.pipe()
        reader = self.readers[name] = asyncio.StreamReader()
        pipe, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(reading, "rb", buffering=0)
        )
        self._transports.append(pipe)

    async def _open_writer(self, name: str) -> None:
        self.ends[name], writing = os.pipe()
        loop = asyncio.get_running_loop()
        pipe, protocol = await loop.connect_write_pipe(
            lambda: asyncio.StreamReaderProtocol(asyncio.StreamReader()), os.fdopen(writing, "wb", buffering=0)
        )
        self.given = asyncio.StreamWriter(pipe, protocol, None, loop)
        self._transports.append(pipe)
