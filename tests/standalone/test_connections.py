"""Peers that connect and then say nothing, or too little: they end, and lock nobody out."""

from __future__ import annotations

import asyncio
import contextlib
import resource
import ssl
from collections.abc import AsyncIterator
from ipaddress import ip_network
from pathlib import Path
from typing import Self

import aiohttp
import pytest

from jumplab_operator.standalone.http import verbs
from jumplab_operator.standalone.http.connections import ConnectionLimits
from jumplab_operator.standalone.http.server import KubernetesApi
from tests.standalone.in_process import served, trust

MAPS = "/api/v1/namespaces/default/configmaps"
HALF_A_HEADER = b"GET /api HTTP/1.1\r\nHost: "
PATIENCE_SECONDS = 240
Peer = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def ended(peer: Peer) -> None:
    """Waits until the server has ended the connection."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            while await peer[0].read(1000):
                pass


class Peers:
    """Connections to an API; they are closed with the context."""

    def __init__(self, api: KubernetesApi) -> None:
        self._api = api
        self._open: list[Peer] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for _, writer in self._open:
            writer.transport.abort()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def connect(self, text: bytes | None = HALF_A_HEADER) -> Peer:
        """A peer that has sent this; None: that doesn't even begin with TLS."""
        host, port = self._api.url.removeprefix("https://").split(":")
        peer = await asyncio.open_connection(host, int(port), ssl=trust(self._api) if text is not None else None)
        self._open.append(peer)
        peer[1].write(text or b"")
        return peer


async def asked(session: aiohttp.ClientSession) -> int:
    async with session.get(MAPS) as answer:
        return answer.status


@contextlib.asynccontextmanager
async def descriptors_limited(most: int) -> AsyncIterator[None]:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.parametrize("text", [None, b"", HALF_A_HEADER], ids=["no TLS", "no header", "half a header"])
async def test_a_stranger_that_says_too_little_is_ended(tmp_path: Path, text: bytes | None) -> None:
    limits = ConnectionLimits(handshake_seconds=0.5, identify_seconds=0.5)
    async with served(tmp_path, connections=limits) as (api, session), Peers(api) as peers:
        await ended(await peers.connect(text))
        assert await asked(session) == 200


async def test_a_stranger_without_a_good_token_stays_no_longer(tmp_path: Path) -> None:
    async with served(tmp_path, connections=ConnectionLimits(identify_seconds=0.5)) as (api, _), Peers(api) as peers:
        request = b"GET /api HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer wrong\r\n\r\n"
        peer = await peers.connect(request)
        assert b"401" in await peer[0].readline()
        await ended(peer)


async def test_a_known_client_stays_between_its_requests(tmp_path: Path) -> None:
    async with served(tmp_path, connections=ConnectionLimits(identify_seconds=0.1)) as (api, _), Peers(api) as peers:
        request = f"GET /api HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {api.admin_token}\r\n\r\n".encode()
        known = await peers.connect(request)
        assert b"200" in await known[0].readline()
        await ended(await peers.connect())  # who came later has been ended meanwhile
        known[1].write(request)
        await known[0].readuntil(b"HTTP/1.1 200")


async def test_the_oldest_strangers_of_an_address_go_first(tmp_path: Path) -> None:
    limits = ConnectionLimits(strangers_per_address=4, grace_seconds=0)
    async with served(tmp_path, connections=limits) as (api, session), Peers(api) as peers:
        strangers = [await peers.connect() for _ in range(12)]
        for peer in strangers[:8]:
            await ended(peer)
        assert await asked(session) == 200
        await ended(strangers[8])
        assert not strangers[-1][0].at_eof()


async def test_new_strangers_of_one_address_may_be_many_for_a_moment(tmp_path: Path) -> None:
    limits = ConnectionLimits(strangers_per_address=2, grace_seconds=PATIENCE_SECONDS)
    async with served(tmp_path, connections=limits) as (api, session), Peers(api) as peers:
        strangers = [await peers.connect() for _ in range(12)]
        assert await asked(session) == 200
        for _, writer in strangers:
            writer.write(b"x\r\n\r\n")
        for reader, _ in strangers:
            assert b"401" in await reader.readline()


async def test_many_strangers_may_come_from_a_trusted_proxy(tmp_path: Path) -> None:
    proxies = (ip_network("127.0.0.0/8"),)
    limits = ConnectionLimits(strangers_per_address=2, grace_seconds=0, trusted_proxies=proxies)
    async with served(tmp_path, connections=limits) as (api, _), Peers(api) as peers:
        strangers = [await peers.connect() for _ in range(12)]
        for _, writer in strangers:
            writer.write(b"x\r\n\r\n")
        for reader, _ in strangers:
            assert b"401" in await reader.readline()


async def test_strangers_leave_descriptors_to_the_server(tmp_path: Path) -> None:
    limits = ConnectionLimits(strangers_per_address=10_000)
    async with descriptors_limited(1024), served(tmp_path, connections=limits) as (api, session), Peers(api) as peers:
        strangers = [await peers.connect(None) for _ in range(300)]
        assert await asked(session) == 200
        await ended(strangers[0])


async def test_a_body_that_does_not_come(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verbs, "_BODY_SECONDS", 0.2)
    async with served(tmp_path) as (api, _), Peers(api) as peers:
        head = f"POST {MAPS} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {api.admin_token}\r\n"
        peer = await peers.connect((head + "Content-Length: 100\r\n\r\n{").encode())
        assert b"408" in await peer[0].readline()
        await ended(peer)
