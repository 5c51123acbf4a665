"""What the benchmark says: progress as it goes, a table for people, a file for programs."""

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

Figures = Mapping[str, Any]

_SECTIONS = {
    "local": "client and exporter in one process, over a Unix socket",
    "tunnel": "client, router and exporter as three processes, over TLS",
    "cli": "whole commands, from start to end",
    "apply_to_ready": "from applying a Lease to Ready",
}
_LINES = {
    "call_p50_ms": "driver call, median",
    "call_p99_ms": "driver call, 99th percentile",
    "open_p50_ms": "opening and closing a byte stream, median",
    "echo_p50_ms": "64 bytes there and back, median",
    "upload_mib_s": "upload",
    "attach_ms": "attaching",
    "jmp_help_s": "jumplab --help (theirs: jmp --help)",
    "j_power_on_s": "j power on",
    "p50_ms": "median",
    "p99_ms": "99th percentile",
}
_UNITS = {"_mib_s": "MiB/s", "_ms": "ms", "_s": "s"}  # the longest ending first


def say(sentence: str) -> None:
    """Tells how far the benchmark is."""
    print(sentence, file=sys.stderr, flush=True)


def ratios(ours: Figures, peer: Figures) -> dict[str, Any]:
    """How many times better we are, for each figure that both have: 2 is half the time, or twice the speed."""
    found: dict[str, Any] = {}
    for key, value in ours.items():
        other = peer.get(key)
        if isinstance(value, Mapping) and isinstance(other, Mapping):
            found[key] = ratios(value, other)
        elif isinstance(value, int | float) and isinstance(other, int | float):
            found[key] = round(value / other if _unit(key) == "MiB/s" else other / value, 2)
    return found


def table(ours: Figures, peer: Figures) -> str:
    """All figures, line by line; what the peer has not is left empty."""
    lines = [_line("", "ours", "Jumpstarter", "times better") if peer else _line("", "ours")]
    for section, title in _SECTIONS.items():
        if section in ours:
            api = f", on {ours[section]['api']}" if "api" in ours[section] else ""
            lines += ["", f"{title}{api}", *_rows(ours[section], peer.get(section, {}))]
    return "\n".join(line.rstrip() for line in lines)


def write(file: Path, ours: Figures, peer: Figures) -> None:
    """Writes `ours`, `peer` and `ratios` as JSON; the last two are empty without a peer."""
    file.parent.mkdir(parents=True, exist_ok=True)
    content = {"ours": ours, "peer": peer, "ratios": ratios(ours, peer)}
    file.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def _rows(ours: Figures, peer: Figures, before: str = "") -> Iterator[str]:
    better = ratios(ours, peer)
    for key, value in ours.items():
        if isinstance(value, Mapping):
            yield from _rows(value, {}, before=f"{key} exporter{'' if key == '1' else 's'}, ")
        elif key in _LINES:
            other = _quantity(key, peer[key]) if key in peer else ""
            yield _line(f"  {before}{_LINES[key]}", _quantity(key, value), other, str(better.get(key, "")))


def _line(what: str, ours: str, peer: str = "", ratio: str = "") -> str:
    return f"{what:<46}{ours:>14}{peer:>16}{ratio:>15}"


def _quantity(key: str, value: float) -> str:
    return f"{value:g} {_unit(key)}"


def _unit(key: str) -> str:
    return next(unit for ending, unit in _UNITS.items() if key.endswith(ending))
