"""Consoles with a real shell behind them, on a real terminal."""

import os
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from jumplab.driver import AsyncDriverClient
from jumplab.testing import serve_async
from jumplab_exporter.drivers.console.buffered import BufferedConsole
from jumplab_exporter.drivers.console.ports import TerminalPort

PROMPT = "root@board:~# "
BASH = ("bash", "--norc", "--noprofile", "-i")
BUSYBOX = ("busybox", "ash", "-i")


class ShellConsole(BufferedConsole):
    """A console at which a shell is running. argv: the shell.  prompt: its PS1."""

    def __init__(self, argv: tuple[str, ...], prompt: str = PROMPT) -> None:
        super().__init__()
        self._argv = argv
        self._shell_prompt = prompt

    async def _read_until_closed(self) -> None:
        master, slave = os.openpty()
        environment = {"PATH": os.environ["PATH"], "PS1": self._shell_prompt, "TERM": "vt220", "HOME": "/nowhere"}
        shell = subprocess.Popen(  # noqa: ASYNC220 - asyncio's children have no terminal of their own
            ("setsid", "--ctty", *self._argv), stdin=slave, stdout=slave, stderr=slave, env=environment, cwd="/"
        )
        os.close(slave)
        try:
            await self._listen(TerminalPort(master))
        finally:
            os.close(master)
            shell.kill()
            shell.wait()


@asynccontextmanager
async def shell_console(argv: tuple[str, ...] = BASH, prompt: str = PROMPT) -> AsyncIterator[AsyncDriverClient]:
    """The client of a console at which a shell waits at its first prompt, which has not been read."""
    async with serve_async(console=ShellConsole(argv, prompt)) as board:
        yield board.console
