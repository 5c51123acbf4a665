"""The terminal of a command on the lab host."""

import asyncio
import errno
import os
import shlex
import shutil
import termios
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator, Field

from jumplab_exporter.drivers.console.ports import Port, TerminalPort
from jumplab_exporter.drivers.console.reconnecting import ReconnectingConsole
from jumplab_exporter.drivers.terminals import COLUMNS, ROWS, TerminalType
from jumplab_exporter.processes.child import Child
from jumplab_exporter.processes.clean_environment import clean_environment

_LAST_OUTPUT_SECONDS = 1.0


def _words(value: Any) -> Any:
    """A line is cut as a shell cuts it; no shell reads it."""
    return shlex.split(value) if isinstance(value, str) else value


class CommandConsole(ReconnectingConsole):
    """The terminal of a command on the lab host.  command: its words, as a list or a line; no shell reads them.

    terminal: the terminal's type. A command that ends is started again, at once and then less and less often.
    """

    example_configuration: ClassVar[Mapping[str, Any]] = {"command": "ipmitool -H 10.0.0.5 -U lab -f pass sol activate"}

    command: Annotated[list[str], BeforeValidator(_words), Field(min_length=1)]
    terminal: TerminalType = "vt100"

    @property
    def has_check(self) -> bool:
        return True

    async def check(self) -> None:
        """Looks whether the program is there."""
        self._require_program()

    @property
    def _place(self) -> str:
        return f'"{shlex.join(self.command)}"'

    def _require_program(self) -> None:
        if shutil.which(self.command[0], path=os.environ.get("PATH")) is None:
            raise FileNotFoundError(f"the program {self.command[0]} was not found; install it, or correct its path")

    async def _open(self) -> Port:
        self._require_program()
        ours, theirs = os.openpty()
        try:
            termios.tcsetwinsize(theirs, (ROWS, COLUMNS))
            environment = {**clean_environment(), "TERM": self.terminal}
            child = await Child.start(self.command, environment=environment, terminal=theirs)
            return CommandPort(child, TerminalPort(ours))
        finally:
            os.close(theirs)
            os.close(ours)


class CommandPort:
    """The terminal of a command that runs. Closing it ends the command, with its process group."""

    def __init__(self, child: Child, terminal: TerminalPort) -> None:
        self._child = child
        self._terminal = terminal
        self._ended: asyncio.Task[int] = asyncio.create_task(child.wait(), name="end of a console's command")

    async def read(self) -> bytes:
        reading = asyncio.create_task(self._terminal.read(), name="a command's terminal")
        try:
            await asyncio.wait({reading, self._ended}, return_when=asyncio.FIRST_COMPLETED)
            if not reading.done():
                # What it has left running may hold the terminal; its own last words are there by now.
                await asyncio.wait({reading}, timeout=_LAST_OUTPUT_SECONDS)
            return reading.result() if reading.done() else b""
        except OSError as error:
            if error.errno == errno.EIO:  # nobody has the terminal any more
                return b""
            raise
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)

    async def write(self, data: bytes) -> None:
        await self._terminal.write(data)

    async def aclose(self) -> None:
        closing = asyncio.create_task(self._close(), name="closing a command's terminal")
        try:
            await asyncio.shield(closing)
        except asyncio.CancelledError:
            await asyncio.wait([closing])  # else the command would be left behind
            raise

    async def _close(self) -> None:
        await self._terminal.aclose()
        self._ended.cancel()
        await asyncio.gather(self._ended, return_exceptions=True)
        await self._child.kill()
