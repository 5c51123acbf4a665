"""The parts of the benchmark: each measures some figures in a lab that is given to it."""

import asyncio
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from jumplab import event_loop
from jumplab.private_files import write_private
from tools.bench.lab import Lab
from tools.bench.processes import running
from tools.bench.timing import milliseconds, quantile
from tools.bench_leasing import counting
from tools.bench_leasing.placing import Placing, placing
from tools.bench_leasing.watchers import WATCHING

_MEBIBYTE = 1 << 20
_SETTLING_SECONDS = 2.0
"""What the operator still writes after a lease's being Ready, it has written by then."""

Plain = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Rounds:
    """How much is measured. The defaults of leases, watchers and parallel ones are those of labgrid's figures."""

    exporters: int = 1000
    warm_ups: int = 5
    leases: int = 200
    watchers: int = 20
    counted: int = 20
    parallel: int = 50
    parallel_rounds: int = 5
    burst: int = 1000
    idle_seconds: float = 60.0
    planned: int = 10_000
    changes: int = 100
    curve: tuple[int, ...] = (100, 1000, 10_000)
    curve_leases: int = 50


FULL = Rounds()
QUICK = Rounds(
    exporters=3,
    warm_ups=0,
    leases=2,
    watchers=2,
    counted=2,
    parallel=2,
    parallel_rounds=1,
    burst=3,
    idle_seconds=1.0,
    planned=50,
    changes=2,
    curve=(1,),
    curve_leases=1,
)


def idle(lab: Lab, rounds: Rounds) -> Plain:
    """One lease after another, in a lab where nothing else happens."""
    times = event_loop.run(_one_by_one(lab, rounds.leases, rounds.warm_ups))
    return {"idle_p50_ms": milliseconds(quantile(times, 0.5)), "idle_p99_ms": milliseconds(quantile(times, 0.99))}


def writes_per_lease(lab: Lab, rounds: Rounds) -> Plain:
    """What a lease costs the API until it is Ready, and what follows of that by itself; by what is written."""
    return {"writes_per_lease": event_loop.run(_writes(lab, rounds.counted))}


def watched(lab: Lab, rounds: Rounds, folder: Path) -> Plain:
    """The same, while clients watch all leases and exporters."""
    token = folder / "token"
    write_private(token, lab.token.encode())
    command: list[str | Path] = [
        sys.executable, "-m", "tools.bench_leasing.watchers", lab.kube.url, lab.ca, token, str(rounds.watchers)
    ]  # fmt: skip
    with running(command, folder / "watchers.log", until=WATCHING):
        times = event_loop.run(_one_by_one(lab, rounds.leases, rounds.warm_ups))
    return {
        "watched_p50_ms": milliseconds(quantile(times, 0.5)),
        "watched_p99_ms": milliseconds(quantile(times, 0.99)),
    }


def together(lab: Lab, rounds: Rounds) -> Plain:
    """Seconds until the last of some leases is Ready that are sent at once: the median of a few rounds, and each."""
    took = []
    for _ in range(rounds.parallel_rounds):
        _come_to_rest(lab)
        took.append(event_loop.run(_together(lab, rounds.parallel))[0])
    return {"parallel_50_s": round(quantile(took, 0.5), 3), "parallel_50_rounds_s": took}


def burst(lab: Lab, count: int) -> Plain:
    """The same of very many, and what that cost: seconds of a core of each program meanwhile."""
    seconds, spent = event_loop.run(_together(lab, count))
    return {"burst_1000_s": seconds, "burst_cpu_s": spent}


def idle_writes(lab: Lab, seconds: float) -> Plain:
    """What a lab in which nothing is asked for writes in that time."""
    _come_to_rest(lab)
    before = counting.writes(lab)
    time.sleep(seconds)
    return {"idle_writes_per_minute": dict(counting.writes(lab) - before)}


def memory(lab: Lab) -> Plain:
    """What the operator's process holds."""
    return {"operator_mib": round(psutil.Process(lab.operator.pid).memory_info().rss / _MEBIBYTE)}


def point(lab: Lab, rounds: Rounds) -> Plain:
    """One point of the curve."""
    times = event_loop.run(_one_by_one(lab, rounds.curve_leases, rounds.warm_ups))
    return {"p50_ms": milliseconds(quantile(times, 0.5)), "p99_ms": milliseconds(quantile(times, 0.99)), **memory(lab)}


def _come_to_rest(lab: Lab) -> None:
    """Returns once nothing has been written for a while: what follows of a lease, its Events above all, is spread."""
    before = None
    while before != (now := counting.writes(lab)):
        before = now
        time.sleep(_SETTLING_SECONDS)


async def _one_by_one(lab: Lab, leases: int, warm_ups: int) -> list[float]:
    """Seconds to Ready of each."""
    async with placing(lab) as leasing:
        for number in range(warm_ups):
            await _placed(leasing, f"warm-{number}")
        return [await _placed(leasing, f"one-{number}") for number in range(leases)]


async def _writes(lab: Lab, count: int) -> dict[str, float]:
    """The average of so many leases, one after another."""
    names = [f"counted-{number}" for number in range(count)]
    async with placing(lab) as leasing:
        await asyncio.to_thread(_come_to_rest, lab)
        before = counting.writes(lab)
        for name in names:
            await leasing.ready(name)
        await asyncio.to_thread(_come_to_rest, lab)
        written = counting.writes(lab) - before
        await leasing.release(names)
    return {what: round(number / count, 2) for what, number in sorted(written.items())}


async def _placed(leasing: Placing, name: str) -> float:
    took = await leasing.ready(name)
    await leasing.release([name])
    return took


async def _together(lab: Lab, count: int) -> tuple[float, dict[str, float]]:
    names = [f"many-{number}" for number in range(count)]
    async with placing(lab) as leasing:
        before = _spent(lab)
        seconds = await leasing.ready_together(names)
        after = _spent(lab)
        await leasing.release(names)
    return round(seconds, 3), {program: round(after[program] - before[program], 2) for program in before}


def _spent(lab: Lab) -> dict[str, float]:
    """Seconds of a core that each program of the lab has used so far."""
    client = psutil.Process()
    times = {_program(process, lab): process.cpu_times() for process in [client, *client.children(recursive=True)]}
    return {program: spent.user + spent.system for program, spent in times.items()}


def _program(process: psutil.Process, lab: Lab) -> str:
    known = {lab.operator.pid: "operator", os.getpid(): "client"}
    name: str = process.name()
    return known.get(process.pid, name if name in ("kube-apiserver", "etcd") else "exporters")
