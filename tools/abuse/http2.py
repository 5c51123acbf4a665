"""An HTTP/2 client that does what no library would do: it leaves messages unfinished and resets streams at once.

Frames follow RFC 9113. Headers are written by HPACK (RFC 7541) as literals without a table.
"""

import asyncio
import contextlib
import itertools
import ssl
import struct
from collections.abc import AsyncIterator, Iterable
from typing import Self

from tools.abuse.target import Target, host_and_port

_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_DATA, _HEADERS, _RESET, _SETTINGS, _PING, _GO_AWAY, _WINDOW_UPDATE = 0, 1, 3, 4, 6, 7, 8
_ACK = _END_STREAM = 0x1
_END_HEADERS = 0x4
_INITIAL_WINDOW_SIZE = 4
_CANCEL = 8
_FRAME_BYTES = 16_384
_DEFAULT_WINDOW_BYTES = 65_535

Fields = Iterable[tuple[str, str]]


class Ended(Exception):
    """The server has ended the connection."""


class Http2:
    """One connection. Streams are named by their numbers."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._numbers = itertools.count(1, 2)
        self._initial_window = self._connection_window = _DEFAULT_WINDOW_BYTES
        self._windows: dict[int, int] = {}
        self._more_window = asyncio.Event()
        self.ended = False

    @classmethod
    @contextlib.asynccontextmanager
    async def connected(cls, target: Target) -> AsyncIterator[Self]:
        """A connection while the context lasts. Raises OSError where the server admits none."""
        tls: ssl.SSLContext = target.tls("h2")
        reader, writer = await asyncio.open_connection(*host_and_port(target.grpc), ssl=tls)
        connection = cls(reader, writer)
        writer.write(_PREFACE + _frame(_SETTINGS, 0, 0, b""))
        following = asyncio.create_task(connection._follow(), name="frames of the server")
        try:
            yield connection
        finally:
            following.cancel()
            writer.transport.abort()
            await asyncio.wait({following})

    async def open(self, path: str, more: Fields = (), *, finished: bool = False) -> int:
        """A stream with the headers of a gRPC call; returns its number. Raises Ended."""
        number = next(self._numbers)
        named = ((":method", "POST"), (":scheme", "https"), (":path", path), (":authority", "lab"))
        fields = (*named, ("te", "trailers"), ("content-type", "application/grpc"), *more)
        block = b"".join(b"\0" + _text(name) + _text(value) for name, value in fields)
        self._windows[number] = self._initial_window
        await self._send(_frame(_HEADERS, _END_HEADERS | (_END_STREAM if finished else 0), number, block))
        return number

    async def reset(self, number: int) -> None:
        self._windows.pop(number, None)
        await self._send(_frame(_RESET, 0, number, struct.pack(">I", _CANCEL)))

    async def send(self, number: int, data: bytes) -> None:
        """Sends on a stream as fast as the server permits. Raises Ended, also where the stream is over."""
        rest = memoryview(data)
        while rest:
            if number not in self._windows:
                raise Ended
            size = min(len(rest), self._windows[number], self._connection_window, _FRAME_BYTES)
            if size <= 0:
                self._more_window.clear()
                await self._more_window.wait()
                continue
            self._windows[number] -= size
            self._connection_window -= size
            await self._send(_frame(_DATA, 0, number, bytes(rest[:size])))
            rest = rest[size:]

    async def _send(self, frame: bytes) -> None:
        if self.ended:
            raise Ended
        self._writer.write(frame)
        await self._writer.drain()

    async def _follow(self) -> None:
        try:
            while True:
                head = await self._reader.readexactly(9)
                payload = await self._reader.readexactly(int.from_bytes(head[:3], "big"))
                self._take(head[3], head[4], int.from_bytes(head[5:], "big") & 0x7FFFFFFF, payload)
        except (asyncio.IncompleteReadError, OSError):
            pass
        finally:
            self.ended = True
            self._windows.clear()
            self._more_window.set()

    def _take(self, kind: int, flags: int, number: int, payload: bytes) -> None:
        if kind == _SETTINGS and not flags & _ACK:
            self._set_window(payload)
            self._writer.write(_frame(_SETTINGS, _ACK, 0, b""))
        elif kind == _PING and not flags & _ACK:
            self._writer.write(_frame(_PING, _ACK, 0, payload))
        elif kind == _WINDOW_UPDATE:
            self._widen(number, int.from_bytes(payload, "big"))
        elif kind == _RESET or (kind == _HEADERS and flags & _END_STREAM):
            self._windows.pop(number, None)
            self._more_window.set()
        elif kind == _GO_AWAY:
            self.ended = True

    def _set_window(self, settings: bytes) -> None:
        given = dict(struct.iter_unpack(">HI", settings))
        change = given.get(_INITIAL_WINDOW_SIZE, self._initial_window) - self._initial_window
        self._initial_window += change
        self._windows = {number: size + change for number, size in self._windows.items()}
        self._more_window.set()

    def _widen(self, number: int, size: int) -> None:
        if number == 0:
            self._connection_window += size
        elif number in self._windows:
            self._windows[number] += size
        self._more_window.set()


def _frame(kind: int, flags: int, number: int, payload: bytes) -> bytes:
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, number) + payload


def _text(text: str) -> bytes:
    """A string of HPACK, by the bytes of its Latin-1."""
    raw = text.encode("latin-1")
    if len(raw) < 127:
        return bytes((len(raw),)) + raw
    rest, length = len(raw) - 127, bytearray((127,))
    while rest >= 128:
        length.append(rest % 128 + 128)
        rest //= 128
    length.append(rest)
    return bytes(length) + raw
