"""What a process saw, as lines of JSON in a file that outlives it however it dies."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Note = dict[str, Any]


def uptime() -> float:
    """The machine's seconds since it started, to 10 ms. No process' clock is in it, so faketime doesn't shift it."""
    descriptor = os.open("/proc/uptime", os.O_RDONLY)
    try:
        return float(os.read(descriptor, 64).split()[0])
    finally:
        os.close(descriptor)


class Journal:
    """Appends notes to a file. Each is there for good when `note` returns, whatever becomes of the process."""

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def note(self, kind: str, **facts: Any) -> None:
        """Writes a note with the time."""
        line = json.dumps({"kind": kind, "at": uptime(), **facts})
        os.write(self._descriptor, line.encode() + b"\n")

    def close(self) -> None:
        os.close(self._descriptor)


def read_notes(path: Path) -> list[Note]:
    """The notes of a file, of which the last may have been cut short; none where there is no file."""
    return list(_notes(path)) if path.exists() else []


def _notes(path: Path) -> Iterator[Note]:
    for line in path.read_bytes().splitlines(keepends=True):
        if line.endswith(b"\n"):
            yield json.loads(line)
