"""`make bench-leasing`: prints the table, and writes it as JSON for programs."""

import json
import os
import sys
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from tests.kube.servers import ASSETS, NO_ASSETS
from tools.bench import peer
from tools.bench.lab import Lab
from tools.bench.populated import populated
from tools.bench.report import say
from tools.bench_leasing import measuring, planning, report
from tools.bench_leasing.measuring import FULL, QUICK, Rounds

_ROOT = Path(__file__).resolve().parents[2]
_PEER = "labgrid"
PARTS = ("plan", "idle", "writes", "watched", "parallel", "burst", "minute", "labgrid", "curve")
_IN_ONE_LAB = {"idle", "writes", "watched", "parallel", "burst", "minute"}


@click.command()
@click.option("--quick", is_flag=True, help="A small lab and few rounds: shows that it works, the figures say nothing.")
@click.option("--only", "parts", multiple=True, type=click.Choice(PARTS), help="A part of it; may be repeated.")
@click.option("--exporters", type=int, multiple=True, help="The sizes of the curve.  [default: 100, 1000, 10000]")
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    default=_ROOT / "build" / "bench" / "leasing.json",
    help="Where the figures go as JSON; parts that aren't run keep theirs.  [default: build/bench/leasing.json]",
)
def main(quick: bool, parts: Sequence[str], exporters: Sequence[int], out: Path) -> None:
    """Measures how leases are placed, on a real kube-apiserver where KUBEBUILDER_ASSETS names one."""
    rounds, chosen = QUICK if quick else FULL, set(parts or PARTS)
    try:
        script = None if quick else peer.find(_ROOT, os.environ, _PEER)
    except peer.PeerFailed as error:
        raise click.UsageError(str(error)) from error
    figures: dict[str, Any] = json.loads(out.read_text()) if parts and out.exists() else {}
    figures["machine"] = {"cpus": os.cpu_count(), "load_at_start": round(os.getloadavg()[0], 2)}
    figures["at"] = datetime.now(UTC).isoformat(timespec="seconds")
    if "plan" in chosen:
        say("the plan alone")
        figures |= planning.figures(rounds.planned, rounds.changes)
    sizes = set(exporters or rounds.curve) if "curve" in chosen else set()
    curve: dict[str, Any] = figures.get("curve", {}) if parts else {}
    if chosen & _IN_ONE_LAB:
        figures |= _in_one_lab(chosen, rounds, curve if rounds.exporters in sizes else None)
        sizes.discard(rounds.exporters)
    if "labgrid" in chosen:
        figures["labgrid"] = _labgrid(script)
    if "curve" in chosen:
        curve |= _curve(sorted(sizes), rounds)
        figures["curve"] = {size: curve[size] for size in sorted(curve, key=int)}
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(figures, indent=2) + "\n")
    click.echo(report.table(figures))
    if not ASSETS:
        click.echo(f"\n{NO_ASSETS}")
    say(f"written to {out}")


def _in_one_lab(chosen: set[str], rounds: Rounds, curve: dict[str, Any] | None) -> dict[str, Any]:
    """curve: takes its point of this lab's size; None: that isn't asked for."""
    figures: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="jumplab-bench-") as name, populated(rounds.exporters, Path(name)) as lab:
        figures["api"] = lab.api
        if curve is not None:
            curve[str(rounds.exporters)] = _point(lab, rounds.exporters, rounds)
        if "minute" in chosen:
            say("a minute in which nothing is asked for")
            figures |= measuring.idle_writes(lab, rounds.idle_seconds)
        if "idle" in chosen:
            say("one lease at a time")
            figures |= measuring.idle(lab, rounds)
        if "writes" in chosen:
            figures |= measuring.writes_per_lease(lab, rounds)
        if "parallel" in chosen:
            say(f"{rounds.parallel} at once")
            figures |= measuring.together(lab, rounds)
        if "watched" in chosen:
            say(f"one at a time, with {rounds.watchers} clients that watch")
            figures |= measuring.watched(lab, rounds, Path(name))
        if "burst" in chosen:
            say(f"{rounds.burst} at once")
            figures |= measuring.burst(lab, rounds.burst)
        figures |= measuring.memory(lab)
    return figures


def _labgrid(script: Path | None) -> dict[str, Any]:
    if script is None:
        say(
            f"without labgrid: its figures come from a script outside of this repository; {peer.PLACE} names its folder"
        )
        return {}
    say("labgrid's figures")
    try:
        return peer.measure(script)
    except peer.PeerFailed as error:
        say(f"labgrid's figures are missing: {error}")
        return {}


def _curve(sizes: Sequence[int], rounds: Rounds) -> dict[str, Any]:
    """The same figures in labs of several sizes; one that takes too long on this machine is told and left out."""
    found: dict[str, Any] = {}
    for count in sizes:
        try:
            with tempfile.TemporaryDirectory(prefix="jumplab-bench-") as name, populated(count, Path(name)) as lab:
                found[str(count)] = _point(lab, count, rounds)
        except TimeoutError as error:
            say(f"  left out: {error}")
    return found


def _point(lab: Lab, count: int, rounds: Rounds) -> dict[str, Any]:
    say(f"the curve at {count}")
    return measuring.point(lab, rounds) | planning.figures(count, rounds.changes)


if __name__ == "__main__":
    sys.exit(main())
