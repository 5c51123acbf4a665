"""What the suite says: each fault as it comes, a table for people, a file for programs."""

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tools.chaos.journal import Note
from tools.chaos.verdict import PROMISES, Verdict

_TOLD_AT_MOST = 20
_WORDS = {
    "bytes_lost": "console bytes that were left out without a word",
    "bytes_wrong": "bytes that were others than those said or typed",
    "calls_repeated": "calls that were run more than once",
    "results_lost": "results that did not come, though the exporter lived",
    "fence_late": "leases whose holder did something two seconds after the end",
    "foreign_bytes": "bytes of one holder that reached another",
    "two_holders": "exporters that served two leases at once",
    "leases_lost": "leases that ended by themselves",
    "images_corrupt": "images that were not what was sent",
    "stuck": "what did not go on by itself",
}


def faults_done(suite: Sequence[Note]) -> dict[str, int]:
    """How often each fault was done."""
    return dict(Counter(note["fault"] for note in suite if note["kind"] == "begins"))


def content(seed: int, seconds: float, suite: Sequence[Note], verdict: Verdict) -> dict[str, Any]:
    """The file's content."""
    return {
        "seed": seed,
        "seconds": seconds,
        "faults": faults_done(suite),
        "bytes_checked": verdict.bytes_checked,
        "calls_checked": verdict.calls_checked,
        "images_checked": verdict.images_checked,
        "gaps_reported": verdict.gaps,
        "leases": sum(note["kind"] == "ready" for note in suite),
        "fences": {"measured": len(verdict.fences), "longest_seconds": round(max(verdict.fences, default=0.0), 2)},
        "broken": {promise: verdict.broken[promise] for promise in PROMISES},
    }


def table(found: dict[str, Any], verdict: Verdict) -> str:
    """All of it for people; what was broken comes last, sentence by sentence."""
    lines = [f"seed {found['seed']}, {found['seconds']:g} s", "", "faults"]
    lines += [f"  {count:6}  {fault}" for fault, count in sorted(found["faults"].items())]
    fences = found["fences"]
    lines += ["", "checked"]
    lines += [f"  {found['bytes_checked']:>12,}  console bytes", f"  {found['calls_checked']:>12,}  calls"]
    lines += [f"  {found['images_checked']:>12,}  images", f"  {found['leases']:>12,}  leases"]
    lines += [f"  {found['gaps_reported']:>12,}  gaps that were reported, as they must be after a full disk"]
    lines += [f"  {fences['measured']:>12,}  ends that were watched, the longest took {fences['longest_seconds']:g} s"]
    lines += ["", "broken"] + [f"  {found['broken'][promise]:12}  {_WORDS[promise]}" for promise in PROMISES]
    told = [f"  {sentence}" for sentence in verdict.told[:_TOLD_AT_MOST]]
    more = len(verdict.told) - _TOLD_AT_MOST
    return "\n".join(lines + ([""] if told else []) + told + ([f"  … and {more} more"] if more > 0 else []))


def write(file: Path, found: dict[str, Any]) -> None:
    """Writes it as JSON."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
