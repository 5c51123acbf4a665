"""Child processes of tests: started with their output in a file, waited for, and ended by their id."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

START_SECONDS = 300.0
"""A bound that only a hang reaches, on a busy machine too."""

_DIES_WITH_US = ("setpriv", "--pdeathsig", "KILL") if shutil.which("setpriv") else ()
"""A test process that is killed leaves nothing running. Its parent is the thread that starts it: that must live on."""


class Process:
    """A program that runs until `stop` or `kill`; what it says goes to a file for the failing test to show."""

    STDIN = subprocess.DEVNULL

    def __init__(self, command: Sequence[str | Path], log: Path, env: Mapping[str, str] | None = None) -> None:
        self.command = [str(part) for part in command]
        self.log = log
        # Without those of who runs the tests: a worker of pytest-xdist has its name in a lease's.
        ours = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
        self._env = {**ours, **(env or {})}
        self._running: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._running is not None, f"{self.command[0]} is not running"
        return self._running.pid

    @property
    def running(self) -> bool:
        return self._running is not None and self._running.poll() is None

    @property
    def exit_status(self) -> int | None:
        """None while it runs."""
        return self._running.poll() if self._running is not None else None

    def start(self) -> None:
        with self.log.open("ab") as output:
            self._running = subprocess.Popen(
                [*_DIES_WITH_US, *self.command], stdin=self.STDIN, stdout=output, stderr=output, env=self._env
            )

    def wait_until(self, ready: Callable[[], bool], what: str) -> None:
        """Returns once `ready()`; fails with the end of the log where the process ends or takes too long."""
        deadline = time.monotonic() + START_SECONDS
        while not ready():
            assert self._running is not None
            if self._running.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{self.command[0]}: {what} failed:\n{self.output()[-4000:]}")
            time.sleep(0.02)

    def ends_within(self, seconds: float) -> bool:
        """Waits for its end; False where it still runs then."""
        assert self._running is not None
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._running.wait(seconds)
        return not self.running

    def output(self) -> str:
        return self.log.read_text(errors="replace")

    def stop(self) -> None:
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        self._end(signal.SIGKILL)

    def _end(self, how: signal.Signals) -> None:
        if self._running is None:
            return
        self._running.send_signal(how)
        try:
            self._running.wait(20)
        except subprocess.TimeoutExpired:
            self._running.kill()
            self._running.wait(20)
        if self._running.stdin is not None:
            self._running.stdin.close()
        self._running = None


def free_ports(count: int) -> list[int]:
    """Ports that nothing listens on, below those that the kernel hands out for outgoing connections.

    A server that is killed and started again on its port would else find it taken now and then: by a connection of
    somebody else, or by a client that tries so often that it meets itself.
    """
    found: list[int] = []
    while len(found) < count:
        port = random.randint(20_000, 32_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            found += [port] if port not in found else []
    return found
