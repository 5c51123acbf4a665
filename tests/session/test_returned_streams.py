"""Byte streams whose driver has returned before its client has ended its own direction."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import AsyncIterator

import pytest

from jumplab.driver import AsyncGenericClient, ByteStream, Driver, DriverInterface, stream
from jumplab.session.host import streams as host_streams
from jumplab.testing import serve_async

PATIENCE_SECONDS = 60
MUCH = bytes(32 << 20)
ANSWER = bytes(range(256)) * (12 << 10)


class EarlyInterface(DriverInterface):
    """Reads less than it is sent."""

    @abstractmethod
    @stream
    async def glance(self, stream: ByteStream) -> int:
        """Reads once, answers much, and returns."""

    @abstractmethod
    @stream(bulk=True)
    async def glance_at_much(self, stream: ByteStream) -> int:
        """The same, on a connection of its own."""


class Early(EarlyInterface, Driver):
    async def glance(self, stream: ByteStream) -> int:
        first = await stream.receive()
        await stream.send(ANSWER)
        return len(first)

    async def glance_at_much(self, stream: ByteStream) -> int:
        return await self.glance(stream)


@pytest.fixture(autouse=True)
def _exporter_waits_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing ends because the exporter's patience does."""
    monkeypatch.setattr(host_streams, "_LETTING_GO_BOUND_SECONDS", 1e6)


@pytest.fixture
async def board() -> AsyncIterator[AsyncGenericClient]:
    async with serve_async(early=Early()) as board:
        yield board


@pytest.mark.parametrize("method", ["glance", "glance_at_much"])
async def test_a_client_that_sends_too_much_has_the_result_and_all_that_was_sent_to_it(
    board: AsyncGenericClient, method: str
) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS), board.early.open(method) as remote:
        answer = asyncio.ensure_future(everything(remote))
        await remote.send(MUCH)
        assert int(await remote.result()) > 0
        assert await answer == ANSWER
        await remote.send(MUCH)  # nobody reads it


@pytest.mark.parametrize("method", ["glance", "glance_at_much"])
async def test_what_has_come_is_read_after_the_result(board: AsyncGenericClient, method: str) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS), board.early.open(method) as remote:
        await remote.send(b"word")
        assert int(await remote.result()) == 4
        assert await everything(remote) == ANSWER


async def everything(remote: ByteStream) -> bytes:
    parts = []
    while data := await remote.receive():
        parts.append(data)
    return b"".join(parts)
