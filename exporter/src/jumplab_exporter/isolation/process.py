"""One child process of isolated drivers: started, listened to, ended, and why it has ended."""

import asyncio
import contextlib
import json
import logging
import os
import pickle
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

from jumplab.children import until_readable
from jumplab.control_sequences import printable
from jumplab.protocol.sizes import format_size
from jumplab.transport.socket_pair import SocketPairLink, socket_pair
from jumplab_exporter.isolation.child import EXIT_MEMORY, Task
from jumplab_exporter.processes.child import Child

_GREETING_BYTES = 1024
_DUMPING_SECONDS = 1.0
_LINE_BYTES = 64 << 10

_log = logging.getLogger(__name__)


class Greeting(NamedTuple):
    """The first word of a process whose drivers are set up.  process: its id.  control: the uuid of its Control."""

    process: int
    control: str


class IsolatedProcess:
    """A process that was started. Made by `started`, whose end is also its end, at once."""

    def __init__(self, child: Child, connection: socket.socket, memory_bytes: int | None) -> None:
        self._child = child
        self._connection = connection
        self._memory_bytes = memory_bytes
        self._process: int | None = None
        self._alive: int | None = None

    async def greeting(self) -> Greeting | None:
        """Its greeting, once its drivers are set up, without a bound; None where it ends before."""
        self._connection.setblocking(False)
        with contextlib.suppress(OSError):
            words = await asyncio.get_running_loop().sock_recv(self._connection, _GREETING_BYTES)
            if words:
                greeting = Greeting(**json.loads(words))
                self._process = greeting.process
                self._alive = os.pidfd_open(greeting.process)
                return greeting
        return None

    def link(self) -> SocketPairLink:
        """The way to its session; once."""
        return SocketPairLink(self._connection, opens=True)

    async def ended(self) -> str:
        """Waits for its end, without a bound: the cause, as the end of a sentence."""
        return self._cause(await self._child.wait())

    async def dump(self) -> None:
        """Has it write the stacks of its threads, where it hangs, and dies of that. Kills it if it does not."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._process, signal.SIGABRT)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_DUMPING_SECONDS):
                    await self._child.wait()
        await self.kill()

    async def kill(self) -> None:
        """Ends it at once, with all processes that it has started in its group; returns when they are gone."""
        await self._child.kill()
        if self._alive is not None:
            alive, self._alive = self._alive, None
            await until_readable(alive)

    async def copy_output(self) -> None:
        """What it prints goes to our standard error, as text that a terminal can show."""
        while line := await self._child.output.read(_LINE_BYTES):
            sys.stderr.write(printable(line.decode(errors="replace")))

    def _cause(self, status: int) -> str:
        number = -status if status < 0 else status - 128
        if status == EXIT_MEMORY and self._memory_bytes is not None:
            return f"has used up its memory, {format_size(self._memory_bytes)} (isolate.memory)"
        if number in {each.value for each in signal.Signals}:
            return f"was ended by {signal.Signals(number).name} ({signal.strsignal(number)})"
        return f"has ended with exit status {status}"


@asynccontextmanager
async def started(task: Task) -> AsyncIterator[IsolatedProcess]:
    """A new process with the task's drivers. Raises OSError."""
    own, theirs = socket_pair()
    # In memory: an isolated driver starts on a full disk, too.
    with own, theirs, os.fdopen(os.memfd_create("jumplab-isolated"), "wb") as file:
        pickle.dump(task, file)
        file.flush()
        file.seek(0)
        command = (
            sys.executable,
            "-P",
            "-m",
            "jumplab_exporter.isolation.child",
            str(theirs.fileno()),
            str(file.fileno()),
        )
        child = await Child.start(
            command, environment=_environment(task), inherited_descriptors=(theirs.fileno(), file.fileno())
        )
        theirs.close()
        file.close()
        async with child:
            process = IsolatedProcess(child, own, task.memory_bytes)
            copying = asyncio.create_task(process.copy_output(), name="output of isolated drivers")
            try:
                yield process
            finally:
                await process.kill()
                await asyncio.wait([copying], timeout=_DUMPING_SECONDS)
                copying.cancel()


def _environment(task: Task) -> dict[str, str]:
    """The exporter's, which its drivers were written for.

    Where memory is bounded, threads share one arena: each of their own would count as 64 MiB.
    """
    return {**os.environ, **({"MALLOC_ARENA_MAX": "1"} if task.memory_bytes is not None else {})}
