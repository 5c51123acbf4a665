"""What the benchmark says: a table with each figure beside its limit and labgrid's, and a file for programs."""

from collections.abc import Mapping
from typing import Any

Figures = Mapping[str, Any]

_LINES = {
    "idle_p50_ms": ("sent to Ready, one at a time, median", "ms"),
    "idle_p99_ms": ("99th percentile", "ms"),
    "watched_p50_ms": ("with watching clients, median", "ms"),
    "watched_p99_ms": ("99th percentile", "ms"),
    "parallel_50_s": ("50 at once, the last", "s"),
    "burst_1000_s": ("1,000 at once, the last", "s"),
    "plan_full_s": ("a full plan of 10,000 by 10,000", "s"),
    "plan_change_ms": ("a change of it", "ms"),
    "operator_mib": ("the operator's memory", "MiB"),
}
_THEIRS = {
    "idle_p50_ms": "acquire_p50_ms",
    "idle_p99_ms": "acquire_p99_ms",
    "watched_p50_ms": "acquire_p50_ms_watched",
    "watched_p99_ms": "acquire_p99_ms_watched",
    "parallel_50_s": "parallel_50_s",
}
_LIMITS = {
    "idle_p50_ms": 50.0,
    "idle_p99_ms": 150.0,
    "burst_1000_s": 12.0,
    "plan_full_s": 1.0,
    "plan_change_ms": 10.0,
}
_NOT_WORSE = ("watched_p99_ms", "parallel_50_s")
WRITES_LIMIT = 5.0


def table(figures: Figures) -> str:
    """All figures, line by line."""
    theirs = figures.get("labgrid") or {}
    lines = [_line("", "ours", "limit", "labgrid", "")]
    for key, (title, unit) in _LINES.items():
        if key in figures:
            peer = theirs.get(_THEIRS.get(key, ""))
            limit = peer if key in _NOT_WORSE else _LIMITS.get(key)
            ours, least, other = (_quantity(value, unit) for value in (figures[key], limit, peer))
            lines.append(_line(title, ours, least, other, _kept(figures[key], limit)))
    if "writes_per_lease" in figures:
        lines += ["", *_writes(figures["writes_per_lease"])]
    if "burst_cpu_s" in figures:
        lines += ["", *_spent(figures["burst_cpu_s"])]
    if "idle_writes_per_minute" in figures:
        lines += ["", *_idle(figures["idle_writes_per_minute"])]
    if "curve" in figures:
        lines += ["", f"{'exporters':>12}{'median':>14}{'99th':>14}{'a change':>14}{'memory':>14}"]
        lines += [_point(count, point) for count, point in figures["curve"].items()]
    return "\n".join(line.rstrip() for line in lines)


def _writes(written: Mapping[str, float]) -> list[str]:
    until_ready = sum(count for what, count in written.items() if not what.endswith(" events"))
    named = [_line(f"  {what}", f"{count:g}", "", "", "") for what, count in written.items()]
    title = "API writes for a lease, its Events left out"
    return [_line(title, f"{until_ready:g}", f"{WRITES_LIMIT:g}", "", _kept(until_ready, WRITES_LIMIT)), *named]


def _spent(seconds: Mapping[str, float]) -> list[str]:
    named = [_line(f"  {program}", f"{spent:g} s", "", "", "") for program, spent in seconds.items()]
    return [_line("of a core, while 1,000 became Ready", f"{sum(seconds.values()):.4g} s", "", "", ""), *named]


def _idle(written: Mapping[str, int]) -> list[str]:
    count = sum(written.values())
    named = [_line(f"  {what}", f"{count}", "", "", "") for what, count in written.items()]
    return [_line("API writes in an idle minute", f"{count}", "0", "", _kept(count, 0)), *named]


def _point(count: str, point: Figures) -> str:
    cells = (("p50_ms", "ms"), ("p99_ms", "ms"), ("plan_change_ms", "ms"), ("operator_mib", "MiB"))
    return f"{int(count):>12,}" + "".join(f"{_quantity(point.get(key), unit):>14}" for key, unit in cells)


def _kept(value: float, limit: float | None) -> str:
    return "" if limit is None else "kept" if value <= limit else "MISSED"


def _line(what: str, ours: str, limit: str, theirs: str, verdict: str) -> str:
    return f"{what:<46}{ours:>12}{limit:>12}{theirs:>12}  {verdict}"


def _quantity(value: float | None, unit: str) -> str:
    return "" if value is None else f"{value:g} {unit}"
