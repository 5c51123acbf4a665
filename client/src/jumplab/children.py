"""Child processes of programs that hold gRPC connections.

Not the event loop's own: uvloop starts them with fork, and gRPC's handlers of fork let threads run in the child on the
parent's connections until the command takes its place. What they send there breaks the parent's TLS. `subprocess`
starts them with vfork, where no handler runs.
"""

import asyncio
import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path


class Spawned:
    """A command that runs, or has ended."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self._process = process

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """Its exit status, or minus the number of the signal that ended it; None while it runs."""
        return self._process.poll()

    def send_signal(self, number: int) -> None:
        """Does nothing where it has ended."""
        self._process.send_signal(number)

    def kill(self) -> None:
        self._process.kill()

    async def wait(self) -> int:
        """Its `returncode`, once it has ended; without a bound, which is the caller's. Several may wait."""
        if not hasattr(os, "pidfd_open"):  # macOS
            return await asyncio.to_thread(self._process.wait)
        while (status := self._process.poll()) is None:
            await until_readable(os.pidfd_open(self.pid))
        return status


def spawn(
    command: Sequence[str],
    *,
    environment: Mapping[str, str] | None = None,
    output: int | None = None,
    errors: int | None = None,
    given: int | None = None,
    folder: Path | None = None,
    inherited_descriptors: Sequence[int] = (),
    own_session: bool = False,
    own_group: bool = False,
) -> Spawned:
    """Starts a command.

    environment: instead of this process' own.  output: the descriptor that standard output and standard error go to;
    its standard input is empty then.  errors: another one for standard error.  given: the one that its standard input
    comes from.  folder: where it runs.  inherited_descriptors: stay open under their numbers.  own_session: it leads a
    session, and so a process group, of its own.  own_group: it leads a process group of this session. Raises OSError
    where it can't be run.
    """
    process = subprocess.Popen(
        command,
        env=None if environment is None else dict(environment),
        stdin=subprocess.DEVNULL if given is None and output is not None else given,
        stdout=output,
        stderr=output if errors is None else errors,
        cwd=folder,
        pass_fds=tuple(inherited_descriptors),
        start_new_session=own_session,
        process_group=0 if own_group else None,
    )
    return Spawned(process)


async def until_readable(descriptor: int) -> None:
    """Waits until a descriptor can be read, and closes it."""
    loop = asyncio.get_running_loop()
    readable = asyncio.Event()
    loop.add_reader(descriptor, readable.set)
    try:
        await readable.wait()
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)
