"""A link over a Unix socket, for peers on one machine: no router, no TLS, no gRPC.

Each numbered stream is a connection. It begins with one line of JSON, `{"session": ID, "token": TOKEN, "stream": N,
"bulk": BOOL}`, and goes on with envelopes in both directions: four bytes of length and one of kind, big-endian, then
the payload. The listener's folder has mode 0700, so that only its owner's processes get that far.
"""

import asyncio
import json
import secrets
import socket
import struct
from collections.abc import Callable
from pathlib import Path

from jumplab.transport.errors import Unreachable
from jumplab.transport.links import ENVELOPE_BYTES, KINDS, ConnectionLost, EnvelopeKind
from jumplab.transport.unbuffered import AHEAD_BYTES, UnbufferedSocket

_HEADER = struct.Struct(">IB")
_LARGEST_BYTES = 16 << 20
_GREETING_BYTES = 64 << 10


class LocalStream:
    """A numbered stream over its own connection: an EnvelopeStream.  on_close: called when it is let go of."""

    piece_bytes = ENVELOPE_BYTES

    def __init__(self, connection: socket.socket) -> None:
        self._connection = UnbufferedSocket(connection)
        self._small = True
        self.on_close: Callable[[], None] = lambda: None

    async def greeting(self) -> bytes:
        """The line that the stream begins with, for the listener. Raises OSError; ValueError where it is too long."""
        return await self._connection.line(_GREETING_BYTES)

    async def greet(self, line: bytes) -> None:
        """Sends that line."""
        await self._connection.send(line, b"\n")

    async def send(self, payload: bytes, kind: EnvelopeKind = EnvelopeKind.DATA) -> None:
        try:
            await self._connection.send(_HEADER.pack(len(payload), kind), payload)
        except OSError as error:
            raise ConnectionLost("the other end has closed the stream") from error

    async def receive(self) -> tuple[EnvelopeKind, bytes]:
        try:
            # A small envelope is taken from the kernel at once; one like the large one before is not copied once more.
            ahead = AHEAD_BYTES if self._small else 0
            length, number = _HEADER.unpack(await self._connection.receive(_HEADER.size, ahead=ahead))
            self._small = length <= AHEAD_BYTES
            kind = KINDS.get(number)
            if length > _LARGEST_BYTES or kind is None:
                raise ConnectionLost(f"the peer sent what is no envelope: {length} bytes of kind {number}")
            return kind, await self._connection.receive(length)
        except OSError as error:
            raise ConnectionLost("the other end has closed the stream") from error

    async def aclose(self) -> None:
        self.hang_up()

    def hang_up(self) -> None:
        """Closes it at once: what was sent is in the kernel, and nothing else waits."""
        self.on_close()
        self._connection.close()


class LocalLink:
    """A session's streams over the socket of a LocalListener: a Link.  path: the socket.  token: what it asks for."""

    def __init__(self, path: Path, token: str) -> None:
        self._path = path
        self._token = token
        self._session = secrets.token_hex(16)
        self._streams: set[LocalStream] = set()
        self._closed = False

    async def open(self, number: int, *, bulk: bool = False) -> LocalStream:
        if self._closed:
            raise ConnectionLost("the link is closed")
        greeting = {"session": self._session, "token": self._token, "stream": number, "bulk": bulk}
        try:
            stream = LocalStream(await _connected(self._path))
            stream.on_close = lambda: self._streams.discard(stream)
            self._streams.add(stream)  # before it may be cancelled: `aclose` lets go of it
            await stream.greet(json.dumps(greeting).encode())
        except OSError as error:
            message = f"nothing answers at {self._path}: the leased shell or the exporter that made it has ended"
            raise Unreachable(message) from error
        if self._closed:
            stream.hang_up()
            raise ConnectionLost("the link is closed")
        return stream

    async def aclose(self) -> None:
        self._closed = True
        for stream in list(self._streams):
            await stream.aclose()


async def _connected(path: Path) -> socket.socket:
    """A connection to the socket there. Raises OSError."""
    connection = socket.socket(socket.AF_UNIX)
    connection.setblocking(False)
    try:
        await asyncio.get_running_loop().sock_connect(connection, str(path))
    except BaseException:
        connection.close()
        raise
    return connection
