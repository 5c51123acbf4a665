"""Byte streams over connections that carry less at once than was sent at once."""

import asyncio
import struct

import pytest

from jumplab.session.bytestream import LinkedByteStream
from jumplab.transport.links import ConnectionLost, EnvelopeKind

BOUND_SECONDS = 240.0


class Connection:
    """Takes `most` pieces and is lost then; `said` is what comes from the peer."""

    piece_bytes = 4

    def __init__(self, most: int, said: list[tuple[EnvelopeKind, bytes]] | None = None) -> None:
        self._most = most
        self._said = said or []
        self.taken: list[bytes] = []
        self.lost = asyncio.Event()
        self.full = asyncio.Event()
        self._more = asyncio.Event()

    async def has(self, expected: bytes) -> None:
        """Waits until so many bytes were taken, and compares them."""
        while len(b"".join(self.taken)) < len(expected):
            self._more.clear()
            await self._more.wait()
        assert b"".join(self.taken) == expected

    async def send(self, payload: bytes, kind: EnvelopeKind = EnvelopeKind.DATA) -> None:
        if kind is not EnvelopeKind.DATA:
            return
        self.taken.append(payload)
        self._more.set()
        if len(self.taken) == self._most:
            self.full.set()
            await self.lost.wait()
            raise ConnectionLost("the connection is lost")

    async def receive(self) -> tuple[EnvelopeKind, bytes]:
        if self._said:
            return self._said.pop(0)
        await asyncio.Event().wait()
        raise AssertionError

    async def aclose(self) -> None:
        self.lost.set()


def acknowledged(used: int, arrived: int) -> tuple[EnvelopeKind, bytes]:
    return EnvelopeKind.ACK, struct.pack(">QQ", used, arrived)


@pytest.mark.parametrize(("arrived", "rest"), [(0, b"0123456789abcdef"), (8, b"89abcdef"), (11, b"bcdef"), (16, b"")])
async def test_a_stream_goes_on_at_the_byte_that_did_not_arrive(arrived: int, rest: bytes) -> None:
    first, second = Connection(3), Connection(99, [acknowledged(0, arrived)])

    async def reopen() -> Connection:
        return second

    stream = LinkedByteStream(reopen)
    async with asyncio.timeout(BOUND_SECONDS), asyncio.TaskGroup() as tasks:
        running = tasks.create_task(stream.run(first))
        await stream.send(b"0123456789")
        await stream.send(b"abcdef")
        await first.full.wait()
        first.lost.set()
        await stream.send(b"more")
        await second.has(rest + b"more")
        running.cancel()
    assert first.taken == [b"0123", b"4567", b"89"]
