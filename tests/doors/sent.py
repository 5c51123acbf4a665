"""Bytes to a port or a socket, and what comes back; and whether a log is one that people can read."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

PATIENCE_SECONDS = 240
"""A bound that only a hang reaches."""

Peer = tuple[asyncio.StreamReader, asyncio.StreamWriter]

FAILURES = ("Traceback", "Unhandled", "never retrieved", "never awaited", "Exception ignored", "Fatal error")


def check_log(log: str) -> None:
    """Nothing in it is the program's own failure."""
    lines = log.splitlines()
    found = [number for number, line in enumerate(lines) if any(word in line for word in FAILURES)]
    assert not found, "\n".join(lines[max(0, found[0] - 3) : found[0] + 40])


def trusting(*protocols: str) -> ssl.SSLContext:
    """TLS of a peer that takes any certificate."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if protocols:
        context.set_alpn_protocols(list(protocols))
    return context


@asynccontextmanager
async def connected(where: int | Path, tls: ssl.SSLContext | None = None) -> AsyncIterator[Peer]:
    """A connection to a port of this machine, or to a socket; it is cut at the end."""
    if isinstance(where, Path):
        reader, writer = await asyncio.open_unix_connection(where)
    else:
        reader, writer = await asyncio.open_connection("127.0.0.1", where, ssl=tls)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()
        with suppress(OSError):
            await writer.wait_closed()


async def answer(
    where: int | Path, pieces: Sequence[bytes], tls: ssl.SSLContext | None = None, *, until: bytes = b""
) -> bytes:
    """All that comes back until the other end hangs up, or has said `until`. pieces: sent one after the other."""
    heard = b""
    async with asyncio.timeout(PATIENCE_SECONDS), connected(where, tls) as (reader, writer):
        with suppress(OSError):  # hung up on
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
            while (not until or until not in heard) and (data := await reader.read(65536)):
                heard += data
    return heard


async def cut_off(where: int | Path, pieces: Sequence[bytes], tls: ssl.SSLContext | None = None) -> None:
    """Sends, and is gone without waiting for an answer."""
    async with asyncio.timeout(PATIENCE_SECONDS), connected(where, tls) as (_, writer):
        with suppress(OSError):
            for piece in pieces:
                writer.write(piece)
                await writer.drain()


TLS_NOISE: dict[str, bytes] = {
    "HTTP without TLS": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "HTTP/2 without TLS": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(9),
    "a record of no handshake": b"\x16\x03\x01\x00\x05hello",
    "a record without an end": b"\x16\x03\x01\xff\xff" + bytes(1000),
    "zeros": bytes(5000),
    "an alert": b"\x15\x03\x01\x00\x02\x02\x28",
    "half a byte": b"\x16",
}
