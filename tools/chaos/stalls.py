"""How long processes had work to do and no CPU to do it on: what they can't be blamed for."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path


def waited_seconds(pids: Iterable[int]) -> dict[int, float]:
    """How long each process' threads have waited for a CPU so far (/proc/PID/task/TID/schedstat).

    The sum over its threads, so it is rather more than what the process was late by.
    """
    return {pid: sum(_waited_ns(pid)) / 1e9 for pid in pids}


def stalled_seconds(before: Mapping[int, float], after: Mapping[int, float]) -> float:
    """How long they waited between two such measurements; threads that have ended meanwhile don't count."""
    return sum(max(0.0, after[pid] - waited) for pid, waited in before.items())


def _waited_ns(pid: int) -> Iterator[int]:
    for file in Path(f"/proc/{pid}/task").glob("*/schedstat"):
        with suppress(OSError):  # the thread has ended
            yield int(file.read_text().split()[1])
