"""A link over a Unix socket, for peers on one machine: no router, no TLS, no gRPC.

Each numbered stream is a connection. It begins with one line of JSON, `{"session": ID, "token": TOKEN, "stream": N,
"bulk": BOOL}`, and goes on with envelopes in both directions: four bytes of length and one of kind, big-endian, then
the payload. The listener's folder has mode 0700, so that only its owner's processes get that far.
"""

import asyncio
import json
import secrets
import struct
from collections.abc import Callable
from pathlib import Path

from jumplab.transport.errors import Unreachable
from jumplab.transport.links import ENVELOPE_BYTES, ConnectionLost, EnvelopeKind

_HEADER = struct.Struct(">IB")
_KINDS = frozenset(EnvelopeKind)
_LARGEST_BYTES = 16 << 20
_CLOSING_BOUND_SECONDS = 1.0
BUFFER_BYTES = 4 * ENVELOPE_BYTES


class LocalStream:
    """A numbered stream over its own connection: an EnvelopeStream.  on_close: called when it is let go of."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self.on_close: Callable[[], None] = lambda: None

    async def greeting(self) -> bytes:
        """The line that the stream begins with, for the listener. Raises OSError; ValueError where it is too long."""
        return await self._reader.readline()

    async def send(self, payload: bytes, kind: EnvelopeKind = EnvelopeKind.DATA) -> None:
        try:
            self._writer.write(_HEADER.pack(len(payload), kind))
            if payload:
                self._writer.write(payload)
            await self._writer.drain()
        except OSError as error:
            raise ConnectionLost("the other end has closed the stream") from error

    async def receive(self) -> tuple[EnvelopeKind, bytes]:
        try:
            length, kind = _HEADER.unpack(await self._reader.readexactly(_HEADER.size))
            if length > _LARGEST_BYTES or kind not in _KINDS:
                raise ConnectionLost(f"the peer sent what is no envelope: {length} bytes of kind {kind}")
            return EnvelopeKind(kind), await self._reader.readexactly(length)
        except (OSError, asyncio.IncompleteReadError) as error:
            raise ConnectionLost("the other end has closed the stream") from error

    async def aclose(self) -> None:
        self.on_close()
        self._writer.close()
        try:
            async with asyncio.timeout(_CLOSING_BOUND_SECONDS):
                await self._writer.wait_closed()
        except (TimeoutError, asyncio.CancelledError) as error:
            self._writer.transport.abort()  # a peer that does not read keeps nobody
            if isinstance(error, asyncio.CancelledError):
                raise
        except OSError:
            pass  # the peer was gone before


class LocalLink:
    """A session's streams over the socket of a LocalListener: a Link.  path: the socket.  token: what it asks for."""

    def __init__(self, path: Path, token: str) -> None:
        self._path = path
        self._token = token
        self._session = secrets.token_hex(16)
        self._streams: set[LocalStream] = set()

    async def open(self, number: int, *, bulk: bool = False) -> LocalStream:
        try:
            reader, writer = await asyncio.open_unix_connection(self._path, limit=BUFFER_BYTES)
        except OSError as error:
            message = f"nothing answers at {self._path}: the leased shell or the exporter that made it has ended"
            raise Unreachable(message) from error
        greeting = {"session": self._session, "token": self._token, "stream": number, "bulk": bulk}
        writer.write(json.dumps(greeting).encode() + b"\n")
        stream = LocalStream(reader, writer)
        stream.on_close = lambda: self._streams.discard(stream)
        self._streams.add(stream)
        return stream

    async def aclose(self) -> None:
        for stream in list(self._streams):
            await stream.aclose()
