"""The programs of the demonstration, as processes: started, waited for, ended."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from subprocess import STDOUT
from types import TracebackType
from typing import Self

_ENDING_BOUND_SECONDS = 15
_COMMAND_BOUND_SECONDS = 60


class Failed(Exception):
    """A program of the demonstration did not do its part; the message has what it said."""


class Programs:
    """Runs programs in one environment. Leaving the context ends those that still run, the last one first."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self.folder = folder
        own = Path(sys.executable).parent
        path = f"{own}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
        self._environment = {**os.environ, "PATH": path, **environment}
        self._running: list[tuple[str, subprocess.Popen[bytes]]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for _, process in reversed(self._running):
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(_ENDING_BOUND_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def find(self, name: str) -> str | None:
        """Where a program is; None where it isn't."""
        return shutil.which(name, path=self._environment["PATH"])

    def start(self, name: str, *arguments: str) -> None:
        """Starts a program that goes on; what it says is in NAME.log."""
        with (self.folder / f"{name}.log").open("wb") as log:
            process = subprocess.Popen(
                [name, *arguments], env=self._environment, stdout=log, stderr=STDOUT, start_new_session=True
            )
        self._running.append((name, process))

    def run(self, *command: str, bound_seconds: float = _COMMAND_BOUND_SECONDS) -> str:
        """Runs a command to its end, and returns what it wrote. Raises Failed with what it said instead."""
        try:
            done = subprocess.run(
                command, env=self._environment, capture_output=True, text=True, timeout=bound_seconds, check=False
            )
        except subprocess.TimeoutExpired as error:
            raise Failed(f"`{' '.join(command)}` did not end within {bound_seconds:g} s") from error
        if done.returncode != 0:
            raise Failed(f"`{' '.join(command)}` ended with {done.returncode}: {done.stderr or done.stdout}")
        return done.stdout

    def run_all(self, *commands: Sequence[str]) -> None:
        """Runs commands side by side, each to its end. Raises Failed."""
        processes = [
            subprocess.Popen(command, env=self._environment, stdout=subprocess.PIPE, stderr=STDOUT, text=True)
            for command in commands
        ]
        for command, process in zip(commands, processes, strict=True):
            said, _ = process.communicate(timeout=_COMMAND_BOUND_SECONDS)
            if process.returncode != 0:
                raise Failed(f"`{' '.join(command)}` ended with {process.returncode}: {said}")

    def check_running(self) -> None:
        """Raises Failed where a started program has ended."""
        for name, process in self._running:
            if process.poll() is not None:
                said = (self.folder / f"{name}.log").read_text(errors="replace")
                raise Failed(f"{name} ended with {process.returncode}: {said[-2000:]}")
