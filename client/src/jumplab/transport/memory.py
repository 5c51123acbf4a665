"""A link within the process, for tests of drivers and of what uses them."""

import asyncio
from collections import deque

from jumplab.transport.links import ENVELOPE_BYTES, ConnectionLost, EnvelopeKind

_IN_FLIGHT = 16


class _Pipe:
    """Envelopes on their way from one peer to the other. Closed, it still gives the envelopes in it."""

    def __init__(self) -> None:
        self._envelopes: deque[tuple[EnvelopeKind, bytes]] = deque()
        self._changed = asyncio.Condition()
        self._closed = False

    async def put(self, kind: EnvelopeKind, payload: bytes) -> None:
        async with self._changed:
            await self._changed.wait_for(lambda: self._closed or len(self._envelopes) < _IN_FLIGHT)
            if self._closed:
                raise ConnectionLost("the other end has let go of the stream")
            self._envelopes.append((kind, payload))
            self._changed.notify_all()

    async def get(self) -> tuple[EnvelopeKind, bytes]:
        async with self._changed:
            await self._changed.wait_for(lambda: self._closed or bool(self._envelopes))
            if not self._envelopes:
                raise ConnectionLost("the other end has let go of the stream")
            self._changed.notify_all()
            return self._envelopes.popleft()

    async def close(self) -> None:
        async with self._changed:
            self._closed = True
            self._changed.notify_all()


class MemoryStream:
    """One end of a stream in memory: an EnvelopeStream."""

    piece_bytes = ENVELOPE_BYTES

    def __init__(self, outgoing: _Pipe, incoming: _Pipe) -> None:
        self._outgoing = outgoing
        self._incoming = incoming

    async def send(self, payload: bytes, kind: EnvelopeKind = EnvelopeKind.DATA) -> None:
        await self._outgoing.put(kind, bytes(payload))

    async def receive(self) -> tuple[EnvelopeKind, bytes]:
        return await self._incoming.get()

    async def aclose(self) -> None:
        await self._outgoing.close()
        await self._incoming.close()


class MemoryLink:
    """One end of a link in memory: a Link. Made in pairs by `memory_links`."""

    def __init__(self, streams: dict[int, tuple[_Pipe, _Pipe]], *, first: bool) -> None:
        self._streams = streams
        self._first = first
        self._opened: dict[int, MemoryStream] = {}
        self._closed = False

    async def open(self, number: int, *, bulk: bool = False) -> MemoryStream:  # noqa: ARG002 - nothing is in the way here
        if self._closed:
            raise ConnectionLost("the link is closed")
        one, other = self._streams.setdefault(number, (_Pipe(), _Pipe()))
        stream = MemoryStream(one, other) if self._first else MemoryStream(other, one)
        self._opened[number] = stream
        return stream

    async def aclose(self) -> None:
        self._closed = True
        for stream in self._opened.values():
            await stream.aclose()


def memory_links() -> tuple[MemoryLink, MemoryLink]:
    """The two ends of one link."""
    streams: dict[int, tuple[_Pipe, _Pipe]] = {}
    return MemoryLink(streams, first=True), MemoryLink(streams, first=False)
