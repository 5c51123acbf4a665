"""A program on a real terminal, typed at by a test."""

import asyncio
import fcntl
import os
import re
import struct
import subprocess
import sys
import termios

import pexpect
from pexpect import fdpexpect

from tests.cli.user import PROGRAMS, User

_PATIENCE_SECONDS = 240
_ON_ITS_TERMINAL = (
    "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execv(sys.argv[1], sys.argv[1:])"
)


class Terminal:
    """A program on a pty, typed at from a thread.

    pexpect itself would fork, and this process serves gRPC: in the child of a fork gRPC's threads may abort before the
    program is there. `subprocess` starts it without one.
    """

    def __init__(self, user: User, program: str, *arguments: str, columns: int = 80, term: str = "dumb") -> None:
        ours, theirs = os.openpty()
        fcntl.ioctl(ours, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        self._process = subprocess.Popen(
            [sys.executable, "-c", _ON_ITS_TERMINAL, str(PROGRAMS / program), *arguments],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env=user.environment | {"PS1": "sh> ", "TERM": term},
            start_new_session=True,
        )
        os.close(theirs)
        self._screen = fdpexpect.fdspawn(ours, timeout=_PATIENCE_SECONDS)

    async def expect(self, text: str) -> str:
        """Waits until the text is on the screen: what came before it."""
        if await asyncio.to_thread(self._screen.expect, [re.escape(text), pexpect.EOF]):
            before, status = self._screen.before, await self._ended()
            raise AssertionError(f"{text!r} never came: the program ended with {status} after {before!r}")
        return str(self._screen.before.decode())

    def type(self, text: str) -> None:
        self._screen.send(text)

    async def hang_up(self) -> int:
        """Closes the terminal, as with its window: the program's exit status, once it has ended."""
        return await self._ended()

    async def status(self) -> int:
        """The program's exit status, once it has ended."""
        await asyncio.to_thread(self._screen.expect, pexpect.EOF)
        return await self._ended()

    async def rest(self) -> tuple[str, int]:
        """All that is on the screen once the program has ended, and its exit status."""
        await asyncio.to_thread(self._screen.expect, pexpect.EOF)
        text = str(self._screen.before.decode())
        return text, await self._ended()

    async def _ended(self) -> int:
        self._screen.close()
        return await asyncio.to_thread(self._process.wait, _PATIENCE_SECONDS)
