"""`make bench-sessions`: prints the table, and writes it as JSON for programs."""

import json
import os
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from tools.bench import peer, report, work
from tools.bench_sessions import bare, console_servers, consoles, isolated, loaded, paths, results

_ROOT = Path(__file__).resolve().parents[2]
_PATHS, _LIMITS, _ECHO, _ROUTER, _CONSOLES, _ISOLATED = "paths", "limits", "echo", "router", "consoles", "isolated"
_SECTIONS = (_PATHS, _LIMITS, _ECHO, _ROUTER, _CONSOLES, _ISOLATED)


@dataclass(frozen=True, slots=True)
class _Size:
    """How much is done. rounds: of which the median counts."""

    rounds: int
    work: work.Rounds
    echoes: int
    consoles: int
    seconds: int
    console_bytes: int


_FULL = _Size(rounds=5, work=work.FULL, echoes=1000, consoles=200, seconds=20, console_bytes=32_000_000)
_QUICK = _Size(rounds=1, work=work.QUICK, echoes=20, consoles=3, seconds=1, console_bytes=1_000_000)


@click.command()
@click.option("--quick", is_flag=True, help="A small load, ours alone: shows that it works, the figures say nothing.")
@click.option("--only", type=click.Choice(_SECTIONS), multiple=True, help="Measures this part; may be repeated.")
@click.option("--rounds", type=click.IntRange(1), help="How often each way is measured.  [default: 5]")
@click.option("--add", is_flag=True, help="Adds to the figures of an earlier run instead of dropping them.")
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    default=_ROOT / "build" / "bench" / "sessions.json",
    help="Where the figures go as JSON.  [default: build/bench/sessions.json]",
)
def main(quick: bool, only: tuple[str, ...], rounds: int | None, add: bool, out: Path) -> None:
    """Measures sessions beside Jumpstarter's, where its script is at hand, and beside what the machine can do."""
    size = _QUICK if quick else _FULL
    try:
        script = None if quick else peer.find(_ROOT, os.environ, "jumpstarter")
        found = _measure(only or _SECTIONS, size, rounds or size.rounds, script, results.read(out) if add else {})
    except peer.PeerFailed as error:
        raise click.UsageError(str(error)) from error
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    click.echo(results.table(found))
    report.say(f"written to {out}")


def _measure(
    sections: tuple[str, ...], size: _Size, rounds: int, script: Path | None, before: Mapping[str, Any]
) -> dict[str, Any]:
    """The sections that are asked for, and the others as they were before."""
    machine = {"cpus": os.cpu_count(), "load_at_start": round(os.getloadavg()[0], 2)}
    done, limits, router = list(before.get("rounds", ())), dict(before.get("limits", {})), before.get("router", {})
    said, apart = before.get("consoles", {}), before.get("isolated", {})
    with tempfile.TemporaryDirectory(prefix="jumplab-bench-") as name:
        folder = Path(name)
        if _PATHS in sections:
            done += paths.rounds(rounds, size.work, script)
        if _LIMITS in sections:
            report.say("what the machine can do")
            limits |= _limits(folder, size)
        if _ECHO in sections:
            report.say("keystrokes beside an upload")
            measured = loaded.figures(folder, size.echoes)
            limits["echo_loaded"] = measured
            limits["echo_loaded_p99_ratio"] = {link: each["ratio"] for link, each in measured.items()}
        if _ROUTER in sections:
            report.say(f"a router with {size.consoles} consoles")
            router = consoles.figures(folder, size.consoles, size.seconds)
        if _CONSOLES in sections:
            report.say("consoles at a console server")
            said = results.median([console_servers.figures(folder, size.console_bytes) for _ in range(rounds)])
        if _ISOLATED in sections:
            report.say("drivers in a process of their own")
            apart = results.median([isolated.figures(size.work) for _ in range(rounds)])
    at = datetime.now(UTC).isoformat(timespec="seconds")
    return {"at": at, "machine": machine, **results.summary(done, limits, router, said), "isolated": apart}


def _limits(folder: Path, size: _Size) -> dict[str, float]:
    count = size.work.upload_bytes
    samples = [
        {
            "relay_mib_s": bare.relay_mib_s(folder, count),
            "splice_mib_s": bare.splice_mib_s(count),
            "loopback_mib_s": bare.loopback_mib_s(count),
        }
        for _ in range(size.rounds)
    ]
    return results.median(samples)


if __name__ == "__main__":
    sys.exit(main())
