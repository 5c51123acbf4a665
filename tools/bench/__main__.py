"""`make bench`: prints the table, and writes it as JSON for programs."""

import os
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from tools.bench import local, peer, readiness, report, routed, starting
from tools.bench.one_board import one_board
from tools.bench.work import FULL, QUICK, Rounds

_ROOT = Path(__file__).resolve().parents[2]
_PEER = "jumpstarter"
_NO_PEER = (
    f"ours alone: Jumpstarter's figures come from a script outside of this repository; set {peer.PLACE} to its folder"
)


@click.command()
@click.option("--quick", is_flag=True, help="Few rounds, ours alone: shows that it works, the figures say nothing.")
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    default=_ROOT / "build" / "bench" / "path.json",
    help="Where the figures go as JSON.  [default: build/bench/path.json]",
)
def main(quick: bool, out: Path) -> None:
    """Measures the whole path, beside Jumpstarter where its script is at hand."""
    try:
        script = None if quick else peer.find(_ROOT, os.environ, _PEER)
    except peer.PeerFailed as error:
        raise click.UsageError(str(error)) from error
    rounds = QUICK if quick else FULL
    ours = _measure_sessions(rounds)
    theirs = _measure_peer(script)  # right after what it compares with: the machine may be busier later
    ours["apply_to_ready"] = readiness.figures(rounds)
    click.echo(report.table(ours, theirs))
    if not theirs and not quick:
        click.echo(f"\n{_NO_PEER}")
    report.write(out, ours, theirs)
    report.say(f"written to {out}")


def _measure_sessions(rounds: Rounds) -> dict[str, Any]:
    ours: dict[str, Any] = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {"cpus": os.cpu_count(), "load_at_start": round(os.getloadavg()[0], 2)},
    }
    report.say("a session in one process")
    ours["local"] = local.figures(rounds)
    with tempfile.TemporaryDirectory(prefix="jumplab-bench-") as folder:
        report.say("a control plane, an exporter and a client on this machine")
        with one_board(Path(folder)) as board:
            report.say("a session through the router")
            ours["tunnel"] = routed.figures(board, rounds)
            report.say("starting commands")
            ours["cli"] = starting.figures(board, rounds.starts)
    return ours


def _measure_peer(script: Path | None) -> dict[str, Any]:
    if script is None:
        return {}
    report.say("Jumpstarter's figures")
    try:
        return peer.measure(script)
    except peer.PeerFailed as error:
        report.say(f"Jumpstarter's figures are missing: {error}")
        return {}


if __name__ == "__main__":
    sys.exit(main())
