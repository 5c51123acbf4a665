"""Whole commands, from the start of the process to its end.

Run as a module within a leased shell, it prints how long `j power on` takes there.
"""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tools.bench.processes import program
from tools.bench.timing import quantile, timed

if TYPE_CHECKING:
    from tools.bench.one_board import Board

_BOUND_SECONDS = 120.0


def figures(board: "Board", starts: int) -> dict[str, float]:
    """The median of `starts` runs each; the board is leased for the second."""
    return {
        "jmp_help_s": _median([program("jumplab"), "--help"], starts),
        "j_power_on_s": _in_leased_shell(board, starts),
    }


def _in_leased_shell(board: "Board", starts: int) -> float:
    measure = [sys.executable, "-m", "tools.bench.starting", str(starts)]
    command: list[str | Path] = [program("jumplab"), "shell", f"--exporter={board.exporter}", "--", *measure]
    return float(_run(command, {"JMP_CLIENT_CONFIG": str(board.client)}))


def _median(command: Sequence[str | Path], starts: int) -> float:
    return round(quantile(timed(starts, lambda: _run(command)), 0.5), 3)


def _run(command: Sequence[str | Path], environment: Mapping[str, str] | None = None) -> str:
    """What a command prints. Raises RuntimeError with what it complains of, where it fails."""
    done = subprocess.run(
        command,
        env={**os.environ, **(environment or {})},
        capture_output=True,
        text=True,
        timeout=_BOUND_SECONDS,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, command))} failed with status {done.returncode}: {done.stderr}")
    return done.stdout


if __name__ == "__main__":
    print(_median([program("j"), "power", "on"], int(sys.argv[1])))
