"""The load: writers that create and patch config maps, and watches that time what they are told."""

from __future__ import annotations

import asyncio
import itertools
import json
import ssl
import statistics
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

MAPS = "/api/v1/namespaces/default/configmaps"
_BOUND_SECONDS = 900.0


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured."""

    objects: int
    watches: int
    changes: int
    writers: int = 16


FULL = Size(objects=10_000, watches=200, changes=200)
QUICK = Size(objects=100, watches=5, changes=10)


@asynccontextmanager
async def session(url: str, ca: Path, token: str, connections: int = 0) -> AsyncIterator[aiohttp.ClientSession]:
    """A session with one server; at most so many connections at a time, 0: as many as are asked for."""
    trust = ssl.create_default_context(cafile=str(ca))
    timeout = aiohttp.ClientTimeout(total=_BOUND_SECONDS)
    connector = aiohttp.TCPConnector(ssl=trust, limit=connections)
    headers = {"Authorization": f"Bearer {token}"}
    async with aiohttp.ClientSession(url, headers=headers, connector=connector, timeout=timeout) as opened:
        yield opened


async def created_per_second(http: aiohttp.ClientSession, size: Size) -> float:
    """Creates all objects, by several writers at once."""
    numbers = iter(range(size.objects))

    async def create() -> None:
        for number in numbers:
            body = {"metadata": {"name": f"m{number}", "labels": {"n": str(number % 10)}}, "data": {"k": "x" * 500}}
            async with http.post(MAPS, json=body) as answer:
                answer.raise_for_status()

    return size.objects / await _timed_together(create, size.writers)


async def patched_per_second(http: aiohttp.ClientSession, size: Size) -> float:
    """Patches a tenth of the objects, by several writers at once."""
    count = max(size.objects // 10, 1)
    numbers = iter(range(count))

    async def patch() -> None:
        for number in numbers:
            await _patch(http, f"m{number}", {"data": {"k": "y"}})

    return count / await _timed_together(patch, size.writers)


async def listed_ms(http: aiohttp.ClientSession) -> float:
    """How long a list of everything takes."""
    begun = time.perf_counter()
    async with http.get(MAPS) as answer:
        await answer.read()
    return (time.perf_counter() - begun) * 1000


async def watch_latency(http: aiohttp.ClientSession, size: Size) -> dict[str, float]:
    """How long after a write was sent each of the watches tells of it: milliseconds, at the median and the 99th."""
    async with http.get(f"{MAPS}?limit=1") as answer:
        since = (await answer.json())["metadata"]["resourceVersion"]
    sent: dict[str, float] = {}
    seen: list[float] = []

    async def watch() -> None:
        async with http.get(f"{MAPS}?watch=true&resourceVersion={since}") as answer:
            told = 0
            async for line in answer.content:
                stamp = (json.loads(line)["object"].get("data") or {}).get("stamp")
                if stamp in sent:
                    seen.append(time.perf_counter() - sent[stamp])
                    told += 1
                if told == size.changes:
                    return

    async with asyncio.timeout(_BOUND_SECONDS), asyncio.TaskGroup() as tasks:
        for number in range(size.watches):
            tasks.create_task(watch(), name=f"watch {number}")
        for number in range(size.changes):
            sent[str(number)] = time.perf_counter()
            await _patch(http, "m0", {"data": {"stamp": str(number)}})
    milliseconds = sorted(each * 1000 for each in seen)
    return {
        "median": round(statistics.median(milliseconds), 2),
        "p99": round(milliseconds[int(len(milliseconds) * 0.99)], 2),
    }


async def _patch(http: aiohttp.ClientSession, name: str, body: dict[str, Any]) -> None:
    headers = {"Content-Type": "application/merge-patch+json"}
    async with http.patch(f"{MAPS}/{name}", data=json.dumps(body), headers=headers) as answer:
        answer.raise_for_status()


async def _timed_together(work: Any, writers: int) -> float:
    begun = time.perf_counter()
    async with asyncio.TaskGroup() as tasks:
        for number in itertools.islice(itertools.count(), writers):
            tasks.create_task(work(), name=f"writer {number}")
    return time.perf_counter() - begun
