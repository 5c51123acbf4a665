"""Processes whose clocks can be shifted while they run, with Debian's faketime. The host's clock is left alone."""

from collections.abc import Mapping
from pathlib import Path

MISSING = "no process' clock is shifted: Debian's faketime is not installed (apt install faketime)"
_LIBRARY = "faketime/libfaketimeMT.so.1"


def library() -> Path | None:
    """Debian's library; None where it isn't installed."""
    return next(Path("/usr/lib").glob(f"*/{_LIBRARY}"), None)


def environment(clock: Path) -> Mapping[str, str]:
    """What makes a process' clock follow a file.

    The time of day alone: what counts seconds (CLOCK_MONOTONIC, CLOCK_BOOTTIME) nobody sets on a real host either.
    """
    shift(clock, 0)
    return {
        "LD_PRELOAD": str(library()),
        "FAKETIME_TIMESTAMP_FILE": str(clock),
        "FAKETIME_CACHE_DURATION": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }


def shift(clock: Path, seconds: int) -> None:
    """Sets a clock forward or back, from a second later on."""
    clock.write_text(f"{seconds:+d}\n")
