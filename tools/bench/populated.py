"""A lab with many simulated exporters, all of them available."""

import asyncio
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from jumplab.private_files import write_private
from tests.kube.processes import Process
from tools.bench.fleet import AVAILABLE, Fleet
from tools.bench.lab import LABELS, NAMESPACE, Lab, closest_to_a_cluster, place
from tools.bench.processes import running
from tools.bench.report import say
from tools.bench.waiting import wait_until
from tools.bench_apiserver.load import session

CLIENT = "ci"
_SETTING_UP_BOUND_SECONDS = 600.0
_LISTED_EACH_SECOND = 1000
"""So many at most: listing them all is work for the API server, which has better things to do meanwhile."""
_WRITERS = 16


@contextmanager
def populated(count: int, folder: Path) -> Iterator[Lab]:
    """A control plane of its own with a client and `count` exporters. Raises TimeoutError on too slow a machine."""
    with closest_to_a_cluster(folder) as lab:
        say(f"{count} exporter{'' if count == 1 else 's'} on {lab.api}")
        lab.create("Client", CLIENT, {})
        asyncio.run(_create_exporters(lab, count))
        _wait_for_credentials(lab, count)
        file = folder / "fleet.json"
        fleet = Fleet(lab.endpoint, lab.ca_pem.decode(), NAMESPACE, lab.tokens("Exporter"))
        write_private(file, fleet.to_json().encode())
        begin = time.perf_counter()
        with running([sys.executable, "-m", "tools.bench.fleet", file], folder / "fleet.log") as exporters:
            wait_until(lambda: _are_available(exporters), f"{count} exporters available", _SETTING_UP_BOUND_SECONDS)
            say(f"  available {time.perf_counter() - begin:.0f} s after their start")
            yield lab


async def _create_exporters(lab: Lab, count: int) -> None:
    numbers = iter(range(count))

    async def create() -> None:
        for number in numbers:
            body = {
                "apiVersion": "jumpstarter.dev/v1alpha1",
                "kind": "Exporter",
                "metadata": {"name": f"bench-{number}", "labels": LABELS},
            }
            async with http.post(place("exporters"), json=body) as answer:
                answer.raise_for_status()

    async with session(lab.kube.url, lab.ca, lab.token) as http, asyncio.TaskGroup() as tasks:
        for number in range(_WRITERS):
            tasks.create_task(create(), name=f"creating exporters {number}")


def _wait_for_credentials(lab: Lab, count: int) -> None:
    wait_until(
        lambda: len(lab.tokens("Exporter")) == count,
        f"{count} credentials",
        _SETTING_UP_BOUND_SECONDS,
        every_seconds=max(1.0, count / _LISTED_EACH_SECOND),
    )


def _are_available(exporters: Process) -> bool:
    said = exporters.output()
    if not exporters.running:
        raise RuntimeError(f"the exporters have ended:\n{said[-4000:]}")
    return AVAILABLE in said
