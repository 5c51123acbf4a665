"""A person's terminal: bash on a pty, into which blocks of a page are pasted as they are printed."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

PATIENCE_SECONDS = 240.0
"""A bound that only a hang reaches."""
_HANG_UP_SECONDS = 20.0
_ON_ITS_TERMINAL = (
    "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execvp(sys.argv[1], sys.argv[1:])"
)
_STATUS = re.compile(r"<<(\d+)>>")


class Terminal:
    """bash as it begins on a machine. `prefix` leads to the machine; `name` is for messages."""

    def __init__(self, name: str, home: Path, environment: Mapping[str, str], prefix: Sequence[str] = ()) -> None:
        self.name = name
        self.serving = False
        """Whether the last block left a program in the foreground that goes on until Ctrl-C."""
        self._ours, theirs = os.openpty()
        fcntl.ioctl(self._ours, termios.TIOCSWINSZ, b"\x18\x00\xc8\x00\x00\x00\x00\x00")  # 24 lines of 200 columns
        command = [*prefix, "env", "--chdir", str(home), "bash", "--norc", "-i"]
        shown = {"PROMPT_COMMAND": 'printf "<<%s>>" $?', "PS1": "$ ", "TERM": "dumb", "SHELL": "/bin/bash", "TZ": "UTC"}
        self._process = subprocess.Popen(
            [sys.executable, "-c", _ON_ITS_TERMINAL, *command],
            stdin=theirs, stdout=theirs, stderr=theirs, env={**environment, **shown}, start_new_session=True,
        )  # fmt: skip
        os.close(theirs)
        self._text, self._pasted, self._arrived = "", 0, threading.Condition()
        self._reader = threading.Thread(target=self._read, name=f"terminal {name}", daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self.serving:
            self.interrupt()
        self._process.kill()  # the kernel hangs up on what still runs in its foreground
        self._process.wait()
        self._reader.join(_HANG_UP_SECONDS)  # a program that ignores it may hold the terminal open
        os.close(self._ours)

    def run(self, commands: str) -> str:
        """Pastes commands and waits until all have ended: what they have printed. Fails where one fails."""
        self._pasted += 1
        begin, ended = len(self._text), f"block {self._pasted} ended"
        self._type(commands + f'echo "block" {self._pasted} ended\n')
        shown = self._wait(lambda text: ended in text, begin, commands)
        failed = [status for status in _STATUS.findall(shown) if status != "0"]
        assert not failed, f"a command failed in terminal {self.name} with {failed[0]}:\n{shown}"
        return printed(shown, commands)

    def serve(self, commands: str, lines: Sequence[str]) -> None:
        """Pastes commands whose last one goes on, and waits until it has printed these lines."""
        begin = len(self._text)
        self._type(commands)
        self._wait(lambda text: shows(printed(text, commands), lines), begin, commands)
        self.serving = True

    def interrupt(self) -> None:
        """Presses Ctrl-C, and waits for the prompt."""
        begin = len(self._text)
        self._type("\x03")
        self._wait(lambda text: _STATUS.search(text) is not None, begin, "Ctrl-C")
        self.serving = False

    def _type(self, text: str) -> None:
        os.write(self._ours, text.encode())

    def _wait(self, ready: Callable[[str], bool], begin: int, what: str) -> str:
        deadline = time.monotonic() + PATIENCE_SECONDS
        with self._arrived:
            while not ready(self._text[begin:]):
                assert self._process.poll() is None, f"terminal {self.name} has closed:\n{self._text[begin:]}"
                assert time.monotonic() < deadline, f"terminal {self.name}: {what}\nhas shown:\n{self._text[begin:]}"
                self._arrived.wait(1.0)
            return self._text[begin:]

    def _read(self) -> None:
        with contextlib.suppress(OSError):
            while data := os.read(self._ours, 65536):
                with self._arrived:
                    self._text += data.decode(errors="replace").replace("\r", "")
                    self._arrived.notify_all()


def printed(shown: str, commands: str) -> str:
    """What a terminal shows without the commands that were typed."""
    for line in filter(str.strip, commands.splitlines()):
        shown = shown.replace(line, "")
    return shown


def shows(text: str, lines: Sequence[str]) -> bool:
    """Whether a text has these lines, in their order, among others; names, times and hashes may be others."""
    rest = text
    for line in lines:
        match = re.search(_pattern(line), rest)
        if match is None:
            return False
        rest = rest[match.end() :]
    return True


def missing_line(text: str, lines: Sequence[str]) -> str:
    """The first line that a text does not show, or empty."""
    return next((line for number, line in enumerate(lines) if not shows(text, lines[: number + 1])), "")


_VARIES = (
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"),
    (r"(?:\d{4}-\d\d-\d\d )?\d\d:\d\d(?::\d\d)?", r"(?:\d{4}-\d\d-\d\d )?\d\d:\d\d(?::\d\d)?"),
    (r"\d{4}-\d\d-\d\d", r"\d{4}-\d\d-\d\d"),
    (r"\b(?=\w*\d)[0-9a-f]{8,}\b", r"[0-9a-f]{8,}"),
    (r"…", r".*"),
    (r"\s+", r"\s+"),
)


def _pattern(line: str) -> str:
    """A regular expression for a printed line."""
    parts, text = [], line.strip()
    anything = re.compile("|".join(f"(?P<v{number}>{found})" for number, (found, _) in enumerate(_VARIES)))
    end = 0
    for match in anything.finditer(text):
        parts += [re.escape(text[end : match.start()]), _VARIES[int(str(match.lastgroup)[1:])][1]]
        end = match.end()
    return "".join([*parts, re.escape(text[end:])])
