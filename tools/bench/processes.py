"""The programs of the lab, as processes of their own."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.kube.processes import Process


def program(name: str) -> Path:
    """A command of the environment that this runs in."""
    return Path(sys.executable).with_name(name)


@contextmanager
def running(command: Sequence[str | Path], log: Path, *, until: str = "") -> Iterator[Process]:
    """Runs a command while the context lasts; entering waits until it has said `until`.

    Raises RuntimeError with the end of what it said, where it ends instead.
    """
    process = Process(command, log)
    process.start()
    try:
        process.wait_until(lambda: until in process.output(), "its start")
        yield process
    finally:
        process.stop()
