"""`make soak`: leases in a row on a lab of its own; exit status 1 where something has grown."""

import json
import os
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

import click
import psutil

from tools.bench.one_board import Board, one_board
from tools.bench.processes import running
from tools.bench.report import say
from tools.soak.growth import Growth, Sample, growths

_ROOT = Path(__file__).resolve().parents[2]
_KIBIBYTE = 1024
_SAMPLES = 100
_LOOK_SECONDS = 0.2


@click.command()
@click.option("--leases", type=click.IntRange(200), default=100_000, show_default=True, help="How many in a row.")
@click.option("--settled", type=int, help="What has grown after so many.  [default: a tenth]")
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    default=_ROOT / "build" / "soak.json",
    help="Where the samples go as JSON.  [default: build/soak.json]",
)
def main(leases: int, settled: int | None, out: Path) -> None:
    """Leases a board again and again, and says what has grown: operator, exporter, client, database."""
    settled = leases // 10 if settled is None else settled
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="soak-") as folder, one_board(Path(folder)) as board:
        samples = _sampled(board, leases, Path(folder))
    found = growths(samples, settled)
    seconds = round(time.monotonic() - begun)
    out.parent.mkdir(parents=True, exist_ok=True)
    content = {"leases": leases, "settled": settled, "seconds": seconds, "growths": [asdict(each) for each in found]}
    out.write_text(json.dumps({**content, "samples": [asdict(each) for each in samples]}, indent=2) + "\n")
    click.echo(f"{leases} leases in {seconds} s, {os.cpu_count()} CPUs; from {settled} leases on")
    click.echo("\n".join(map(_line, found)))
    say(f"written to {out}")
    sys.exit(1 if any(each.is_leak for each in found) else 0)


def _line(growth: Growth) -> str:
    verdict = "has grown" if growth.is_leak else "ok"
    return f"  {growth.of:10}{growth.kib / _KIBIBYTE:>+8.1f} MiB {growth.bytes_a_lease:>+9.0f} bytes a lease  {verdict}"


def _sampled(board: Board, leases: int, folder: Path) -> list[Sample]:
    """Plays all leases; raises RuntimeError where the client fails."""
    each, samples = max(leases // _SAMPLES, 100), list[Sample]()
    command: list[str | Path] = [sys.executable, "-m", "tools.soak.client", board.client, board.exporter, str(leases)]
    with running(command, folder / "client.log") as client:
        pids = {"operator": board.lab.operator.pid, "exporter": board.process.pid, "client": client.pid}
        processes = {name: psutil.Process(pid) for name, pid in pids.items()}
        while client.running:
            time.sleep(_LOOK_SECONDS)
            done = _last_number(client.output())
            if client.running and done >= (samples[-1].leases if samples else 0) + each:
                samples.append(_sample(done, processes, folder))
        if client.exit_status:
            raise RuntimeError(f"the client has failed:\n{client.output()[-4000:]}")
    return samples


def _sample(done: int, processes: dict[str, psutil.Process], folder: Path) -> Sample:
    sizes = {name: process.memory_info().rss / _KIBIBYTE for name, process in processes.items()}
    sizes["database"] = sum(file.stat().st_size for file in folder.glob("data/api.sqlite3*")) / _KIBIBYTE
    say(f"  {done:7} leases " + ", ".join(f"{name} {size / _KIBIBYTE:.1f} MiB" for name, size in sizes.items()))
    return Sample(done, sizes)


def _last_number(output: str) -> int:
    numbers = [line for line in output.splitlines() if line.isdigit()]
    return int(numbers[-1]) if numbers else 0


if __name__ == "__main__":
    main()
