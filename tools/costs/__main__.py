"""`make costs`: prints the table, and writes it as JSON for programs."""

from __future__ import annotations

import json
import os
from pathlib import Path

import click

from tools.costs.inputs import INPUTS
from tools.costs.measuring import BOUND_MS, Costs, measure

_ROOT = Path(__file__).resolve().parents[2]
_QUICK = 1 / 64


@click.command()
@click.option("--quick", is_flag=True, help="A small part of each limit: shows that it works, the figures say nothing.")
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    default=_ROOT / "build" / "bench" / "costs.json",
    help="Where the figures go as JSON.  [default: build/bench/costs.json]",
)
def main(quick: bool, out: Path) -> None:
    """Measures what each input from outside costs at sizes that double up to its limit."""
    click.echo(_row("", "limit", "", "calls", "time", "ms", ""))
    measured = []
    for given in INPUTS:
        measured.append(measure(given, _QUICK if quick else 1.0))
        click.echo(_told(measured[-1]))
    out.parent.mkdir(parents=True, exist_ok=True)
    machine = {"cpus": os.cpu_count(), "load": round(os.getloadavg()[0], 2)}
    plain = {costs.input.name: costs.as_plain() for costs in measured}
    out.write_text(json.dumps({"machine": machine, "bound_ms": BOUND_MS, "inputs": plain}, indent=2) + "\n")
    steep = [costs.input.name for costs in measured if not costs.is_linear]
    slow = [costs.input.name for costs in measured if not costs.is_within_bound]
    click.echo("\ncalls and time: the power of the size that they grow with; 1 is linear. ms: at the limit")
    click.echo("beside: not in an event loop, but in a thread or in a program that serves nobody else")
    click.echo(f"steeper than their size: {', '.join(steep) or 'none'}")
    click.echo(f"longer than {BOUND_MS:.0f} ms in an event loop: {', '.join(slow) or 'none'}")
    click.echo(f"written to {out}")


def _told(costs: Costs) -> str:
    given = costs.input
    words = (
        ("beside", not given.holds_loop), ("steep", not costs.is_linear), ("slow", not costs.is_within_bound),
    )  # fmt: skip
    verdict = " ".join(word for word, holds in words if holds)
    figures = (f"{costs.growth_of_calls:.2f}", f"{costs.growth_of_time:.2f}", f"{costs.milliseconds:.2f}")
    return _row(given.name, f"{given.limit:,}", given.unit, *figures, verdict)


def _row(name: str, limit: str, unit: str, calls: str, time: str, milliseconds: str, verdict: str) -> str:
    return f"{name:32}{limit:>11} {unit:11}{calls:>7}{time:>7}{milliseconds:>9}  {verdict}".rstrip()


if __name__ == "__main__":
    main()
