"""A child process in a process group of its own, which dies with the exporter."""

import asyncio
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

_GUARD = Path(__file__).with_name("guard.py")


class Child:
    """A running command. Leaving its context kills what is left of its process group and waits for its end.

    Its output (`output`) is standard output and standard error together. `returncode` of a command that a signal ended
    is 128 + the signal's number, as in a shell; 127 says that the command could not be run.
    """

    def __init__(self, process: asyncio.subprocess.Process, lifeline: int) -> None:
        self._process = process
        self._lifeline: int | None = lifeline

    @classmethod
    async def start(
        cls,
        command: Sequence[str],
        *,
        environment: Mapping[str, str] | None = None,
        keep_descriptors: Sequence[int] = (),
    ) -> Self:
        """Starts a command, with the open descriptors `keep_descriptors` under their numbers.

        The process is the caller's to end, with `kill` or by leaving its context.
        """
        child_end, own_end = os.pipe()
        try:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-I", "-S", str(_GUARD), str(child_end), *command),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                env=None if environment is None else dict(environment),
                pass_fds=(child_end, *keep_descriptors),
                start_new_session=True,
            )
        except BaseException:
            os.close(own_end)
            raise
        finally:
            os.close(child_end)
        return cls(process, own_end)

    @property
    def output(self) -> asyncio.StreamReader:
        if self._process.stdout is None:
            raise RuntimeError("a child is always started with a pipe for its output")
        return self._process.stdout

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
