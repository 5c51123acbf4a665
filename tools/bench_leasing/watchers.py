"""Clients that watch all leases and all exporters, in a process of their own.

    python -m tools.bench_leasing.watchers URL CA TOKEN_FILE COUNT

It says WATCHING once all of them do.
"""

import asyncio
import json
import sys
from pathlib import Path

import aiohttp

from tools.bench.lab import place
from tools.bench_apiserver.load import session

WATCHING = "watching"


async def watch(url: str, ca: Path, token: str, count: int) -> None:
    """Reads and understands everything that `count` clients are told, until cancelled."""
    async with session(url, ca, token) as http, asyncio.TaskGroup() as tasks:
        began = [asyncio.Event() for _ in range(2 * count)]
        for number, event in enumerate(began):
            plural = ("leases", "exporters")[number % 2]
            tasks.create_task(_follow(http, plural, event), name=f"{plural} of client {number // 2}")
        for event in began:
            await event.wait()
        print(WATCHING, flush=True)


async def _follow(http: aiohttp.ClientSession, plural: str, began: asyncio.Event) -> None:
    async with http.get(f"{place(plural)}?limit=1") as answer:
        version = (await answer.json())["metadata"]["resourceVersion"]
    async with http.get(f"{place(plural)}?watch=1&resourceVersion={version}") as answer:
        began.set()
        async for line in answer.content:
            json.loads(line)


if __name__ == "__main__":
    asyncio.run(watch(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]).read_text(), int(sys.argv[4])))
