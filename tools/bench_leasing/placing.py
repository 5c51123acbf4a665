"""Leases as clients ask for them: sent to the Kubernetes API, and seen Ready by a watch."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

from tools.bench.lab import LABELS, Lab, place
from tools.bench.populated import CLIENT
from tools.bench.readiness import is_free, is_ready
from tools.bench_apiserver.load import session

_BOUND_SECONDS = 120.0
_CONNECTIONS = 50
"""Over so many connections leases are sent: a thousand at once do not each shake hands anew."""

Plain = dict[str, Any]


class Placing:
    """Places leases in one lab, and follows what becomes of them and of the exporters."""

    def __init__(self, http: aiohttp.ClientSession) -> None:
        self._http = http
        self._ready: dict[str, asyncio.Future[float]] = {}
        self._unfree: set[str] = set()
        self._freed = asyncio.Event()

    async def ready(self, name: str) -> float:
        """Seconds from sending the lease to seeing it Ready."""
        self._ready[name] = asyncio.get_running_loop().create_future()
        spec = {"clientRef": {"name": CLIENT}, "selector": {"matchLabels": LABELS}, "duration": "10m"}
        body = {"apiVersion": "jumpstarter.dev/v1alpha1", "kind": "Lease", "metadata": {"name": name}, "spec": spec}
        begin = time.perf_counter()
        async with self._http.post(place("leases"), json=body) as answer:
            answer.raise_for_status()
        async with asyncio.timeout(_BOUND_SECONDS):
            return await self._ready[name] - begin

    async def ready_together(self, names: Sequence[str]) -> float:
        """Seconds from sending the first of many leases to seeing the last of them Ready, over open connections."""
        async with asyncio.TaskGroup() as tasks:
            for number in range(_CONNECTIONS):
                tasks.create_task(self._connect(), name=f"connection {number}")
        begin = time.perf_counter()
        async with asyncio.TaskGroup() as tasks:
            for name in names:
                tasks.create_task(self.ready(name), name=name)
        return time.perf_counter() - begin

    async def _connect(self) -> None:
        async with self._http.get("/version") as answer:
            answer.raise_for_status()

    async def release(self, names: Sequence[str]) -> None:
        """Deletes the leases, and waits until every exporter is free again."""
        async with asyncio.timeout(_BOUND_SECONDS):
            async with asyncio.TaskGroup() as tasks:
                for name in names:
                    tasks.create_task(self._delete(name), name=name)
            while self._unfree:
                self._freed.clear()
                await self._freed.wait()

    async def _delete(self, name: str) -> None:
        async with self._http.delete(place("leases", name)) as answer:
            answer.raise_for_status()
        del self._ready[name]

    def see_lease(self, lease: Plain) -> None:
        """Takes an event of the leases' watch over."""
        seen = self._ready.get(lease["metadata"]["name"])
        if seen is not None and not seen.done() and is_ready(lease):
            seen.set_result(time.perf_counter())

    def see_exporter(self, exporter: Plain) -> None:
        """Takes an event of the exporters' watch over."""
        name = exporter["metadata"]["name"]
        if is_free(exporter):
            self._unfree.discard(name)
            self._freed.set()
        else:
            self._unfree.add(name)


@asynccontextmanager
async def placing(lab: Lab) -> AsyncIterator[Placing]:
    """Follows the lab's leases and exporters while the context lasts."""
    async with session(lab.kube.url, lab.ca, lab.token, _CONNECTIONS) as http, asyncio.TaskGroup() as tasks:
        made = Placing(http)
        watches = [
            tasks.create_task(_watch(http, "leases", made.see_lease, began := asyncio.Event()), name="leases"),
            tasks.create_task(_watch(http, "exporters", made.see_exporter, also := asyncio.Event()), name="exporters"),
        ]
        await began.wait()
        await also.wait()
        try:
            yield made
        finally:
            for watch in watches:
                watch.cancel()


async def _watch(http: aiohttp.ClientSession, plural: str, see: Callable[[Plain], None], began: asyncio.Event) -> None:
    async with http.get(f"{place(plural)}?limit=1") as answer:
        version = (await answer.json())["metadata"]["resourceVersion"]
    async with http.get(f"{place(plural)}?watch=1&resourceVersion={version}") as answer:
        began.set()
        async for line in answer.content:
            see(json.loads(line)["object"])
