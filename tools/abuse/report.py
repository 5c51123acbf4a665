"""The table for people, and the file for programs."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tools.abuse.verdict import Result

_HEAD = ("attack", "before", "peak", "after", "back in", "slowest", "newcomer", "SIGTERM", "")
_WIDTHS = (34, 7, 7, 7, 8, 9, 9, 8, 5)


def content(results: Sequence[Result], seconds: float) -> dict[str, Any]:
    """The file's content."""
    return {
        "seconds": seconds,
        "attacks": [asdict(each) | {"faults": each.faults(), "passed": not each.faults()} for each in results],
    }


def write(file: Path, found: dict[str, Any]) -> None:
    """Writes it as JSON."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


def table(results: Sequence[Result]) -> str:
    """A table for each API, and then each fault as a sentence. Memory is in MiB."""
    lines: list[str] = []
    for api in dict.fromkeys(each.api for each in results):
        of_api = [each for each in results if each.api == api]
        lines += [f"{api}: the operator's memory in MiB; calls of others meanwhile", _line(_HEAD)]
        lines += [row(each) for each in of_api] + [""]
    for each in results:
        lines += [f"{each.attack} ({each.api}): {fault}" for fault in each.faults()]
    return "\n".join(lines)


def row(result: Result) -> str:
    """An attack in the table."""
    return _line(_cells(result))


def _cells(result: Result) -> tuple[str, ...]:
    lockout = f"{result.newcomers_failed} lost" if result.newcomers_failed else _seconds(result.newcomers_slowest)
    return (
        result.attack,
        *(f"{each:.0f}" for each in (result.before_mib, result.peak_mib, result.after_mib)),
        _seconds(result.back_seconds),
        _seconds(result.slowest),
        lockout,
        _seconds(result.stop_seconds),
        "FAIL" if result.faults() else "pass",
    )


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f} s"


def _line(cells: Sequence[str]) -> str:
    first, *rest = zip(cells, _WIDTHS, strict=True)
    return f"{first[0]:{first[1]}}" + "".join(f" {cell:>{width}}" for cell, width in rest)
