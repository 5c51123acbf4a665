"""`make bench-apiserver`: prints the table, and writes it as JSON for programs."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import click
import psutil

from tests.kube.servers import ASSETS, NO_ASSETS, RealKubeApi, StandaloneApi
from tools.bench_apiserver import load

_ROOT = Path(__file__).resolve().parents[2]
_MEBIBYTE = 1024 * 1024
_NAMES = {
    "creates_per_second": "creates a second",
    "patches_per_second": "patches a second",
    "list_ms": "a list of all, ms",
    "watch_median_ms": "a watch tells, median ms",
    "watch_p99_ms": "a watch tells, p99 ms",
    "memory_mib": "memory, MiB",
}


@click.command()
@click.option("--quick", is_flag=True, help="A small load: shows that it works, the figures say nothing.")
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    default=_ROOT / "build" / "bench" / "apiserver.json",
    help="Where the figures go as JSON.  [default: build/bench/apiserver.json]",
)
def main(quick: bool, out: Path) -> None:
    """Measures the standalone API, and a real kube-apiserver with etcd where KUBEBUILDER_ASSETS names one."""
    size = load.QUICK if quick else load.FULL
    with tempfile.TemporaryDirectory(prefix="jumplab-bench-") as folder:
        standalone = _standalone(Path(folder) / "standalone", size)
        real = _real(Path(folder) / "real", size) if ASSETS else {}
    ratios = {name: round(standalone[name] / real[name], 3) for name in _NAMES if real.get(name)}
    out.parent.mkdir(parents=True, exist_ok=True)
    machine = {"cpus": os.cpu_count(), "load": round(os.getloadavg()[0], 2)}
    told = {"machine": machine, "load": {"objects": size.objects, "watches": size.watches}}
    out.write_text(json.dumps({**told, "standalone": standalone, "real": real, "ratios": ratios}, indent=2) + "\n")
    click.echo(_table(standalone, real, ratios))
    if not real:
        click.echo(f"\n{NO_ASSETS}")
    click.echo(f"written to {out}")


def _standalone(folder: Path, size: load.Size) -> dict[str, float]:
    with StandaloneApi(folder) as api:
        return asyncio.run(_figures(api.url, api.ca, api.token, [api.process.pid], size))


def _real(folder: Path, size: load.Size) -> dict[str, float]:
    with RealKubeApi(folder) as api:
        mine = psutil.Process().children()
        pids = [each.pid for each in mine if each.name() in ("kube-apiserver", "etcd")]
        return asyncio.run(_figures(api.url, api.ca, api.token, pids, size))


async def _figures(url: str, ca: Path, token: str, pids: list[int], size: load.Size) -> dict[str, float]:
    async with load.session(url, ca, token) as http:
        created = await load.created_per_second(http, size)
        patched = await load.patched_per_second(http, size)
        listed = await load.listed_ms(http)
        latency = await load.watch_latency(http, size)
        memory = sum(psutil.Process(pid).memory_info().rss for pid in pids) / _MEBIBYTE
    return {
        "creates_per_second": round(created, 1),
        "patches_per_second": round(patched, 1),
        "list_ms": round(listed, 1),
        "watch_median_ms": latency["median"],
        "watch_p99_ms": latency["p99"],
        "memory_mib": round(memory, 1),
    }


def _table(standalone: dict[str, float], real: dict[str, float], ratios: dict[str, float]) -> str:
    rows = [["", "standalone", "real", "ratio"]]
    rows += [[told, *(_cell(each, name) for each in (standalone, real, ratios))] for name, told in _NAMES.items()]
    return "\n".join(f"{row[0]:26}{row[1]:>12}{row[2]:>12}{row[3]:>9}" for row in rows)


def _cell(figures: dict[str, Any], name: str) -> str:
    return str(figures.get(name, "-"))


if __name__ == "__main__":
    sys.exit(main())
