"""Consoles at console servers: `socket://` and `rfc2217://`, over asyncio's streams."""

import asyncio
import re
import socket
import struct
from collections.abc import Callable
from contextlib import suppress
from typing import Self
from urllib.parse import urlsplit

from jumplab.transport.backoff import Backoff
from jumplab_exporter.drivers.console.absence import NotThereYet, of_server
from jumplab_exporter.drivers.console.line import Line
from jumplab_exporter.drivers.console.ports import SocketPort
from jumplab_exporter.drivers.console.rfc2217 import ComPort, Control, Purge
from jumplab_exporter.drivers.refusals import reason_of

_BLOCK_BYTES = 64 << 10
_CONNECT_SECONDS = 10.0
_ANSWER_SECONDS = 5.0
_PURGE_SECONDS = 2.0
_BUSY_SECONDS = 5.0
_CLOSING_SECONDS = 1.0
# A server that loses its power sends nothing: after 15 s of silence it is probed three times, every 5 s.
_KEEPALIVE = {"TCP_KEEPIDLE": 15, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 3}
_CONTROL_SECONDS = 1.0
_MESSAGE_BYTES = 200
_IN_USE = re.compile(r"\b(in use|busy|occupied)\b", re.IGNORECASE)


async def open_socket(url: str, line: Line, warn: Callable[[str], None]) -> SocketPort:
    """A port over the plain bytes of a TCP connection, `socket://HOST:PORT`.

    warn: called with a sentence for what of the URL and of the line's settings has no effect.
    Raises NotThereYet, and ValueError for an URL that names no port.
    """
    if chosen := line.chosen():
        warn(f"{', '.join(chosen)} has no effect: plain TCP leaves the line to the server; rfc2217:// sets it")
    return SocketPort(*await _connected(url, warn))


class SentAway(NotThereYet):
    """The server has accepted the connection and then ended it."""


class AlreadyInUse(ConnectionError):
    """The server says that somebody else has the line."""


class Rfc2217Port:
    """A port over a serial line at a console server, `rfc2217://HOST:PORT` (RFC 2217)."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._com_port = ComPort()
        self._resumed = asyncio.Event()
        self._resumed.set()
        self._reading = False
        self._closed = False
        self._news = asyncio.Event()

    @classmethod
    async def open(cls, url: str, line: Line, warn: Callable[[str], None], *, discard: bool = True) -> Self:
        """Connects and sets the line.

        warn: called with a sentence for each thing that this server can't do; the console works without it.
        discard: whether what the device said before is dropped.
        Raises NotThereYet, AlreadyInUse, and ValueError for an URL that names no port.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + _BUSY_SECONDS
        backoff = Backoff(cap_seconds=0.5)
        while True:
            try:
                return await cls._open_once(url, line, warn, discard=discard)
            except SentAway as error:
                # A server may still be busy with the last connection, which has just ended.
                if loop.time() >= deadline:
                    raise AlreadyInUse(str(error)) if _IN_USE.search(str(error)) else error from None
            await backoff.wait()

    @classmethod
    async def _open_once(cls, url: str, line: Line, warn: Callable[[str], None], *, discard: bool) -> Self:
        port = cls(*await _connected(url, warn))
        try:
            await port._set_up(line, warn, discard=discard)
        except BaseException:
            port._writer.transport.abort()
            raise
        return port

    async def read(self) -> bytes:
        self._reading = True
        try:
            while not (data := self._com_port.pop_received()):
                if not await self._process_input():
                    return b""
            return data
        finally:
            self._reading = False

    async def write(self, data: bytes) -> None:
        for start in range(0, len(data), _BLOCK_BYTES):
            await self._resumed.wait()
            if self._closed:
                raise ConnectionResetError("the connection is closed")
            self._writer.write(self._com_port.encode(data[start : start + _BLOCK_BYTES]))
            await self._writer.drain()

    async def send_break(self, seconds: float) -> None:
        self._control(Control.BREAK_ON)
        try:
            await asyncio.sleep(seconds)
        finally:
            if not self._closed:
                # Not waited for: some servers answer with the break that they have just ended (gensio 2.6).
                self._control(Control.BREAK_OFF, confirmed=False)
        await self._confirmed()

    async def set_lines(self, *, dtr: bool | None, rts: bool | None) -> None:
        if dtr is not None:
            self._control(Control.DTR_ON if dtr else Control.DTR_OFF)
        if rts is not None:
            self._control(Control.RTS_ON if rts else Control.RTS_OFF)
        await self._confirmed()

    async def aclose(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._resumed.set()
        try:
            with suppress(OSError):
                await self._discard_unsent()
        finally:
            self._writer.transport.abort()

    async def _set_up(self, line: Line, warn: Callable[[str], None], *, discard: bool) -> None:
        com_port = self._com_port
        com_port.negotiate()
        await self._answered(lambda: com_port.negotiated, _ANSWER_SECONDS)
        if not com_port.accepted:
            answer = "does not answer" if com_port.accepted is None else "refuses"
            warn(
                f"the server {answer} RFC 2217's COM-PORT-OPTION, so the console works as plain telnet: "
                "the line keeps the server's settings, and output from before the lease may be in the console"
            )
            return
        com_port.configure(line)
        await self._answered(lambda: not com_port.unconfirmed, _ANSWER_SECONDS)
        for difference in com_port.differences:
            warn(difference)
        if com_port.unconfirmed:
            warn(f"the server does not confirm {', '.join(com_port.unconfirmed)}; the line may be set otherwise")
        if line.hangup != Line().hangup:
            warn(f"hangup {line.hangup} has no effect: the server decides over its own line")
        if discard:
            await self._discard_earlier(warn)
        com_port.give_up()

    async def _discard_earlier(self, warn: Callable[[str], None]) -> None:
        com_port = self._com_port
        com_port.purge(Purge.BOTH)
        if not await self._answered(lambda: not com_port.purging, _PURGE_SECONDS):
            warn(
                "the server does not confirm RFC 2217's PURGE-DATA; "
                f"what it sent within {_PURGE_SECONDS:g} s of the request is discarded instead"
            )
            com_port.pop_received()

    async def _answered(self, ready: Callable[[], bool], seconds: float) -> bool:
        """Sends what is due and processes answers until `ready`; False where that takes too long."""
        self._send_outgoing()
        try:
            async with asyncio.timeout(seconds):
                while not ready():
                    if not await self._process_input():
                        raise ConnectionResetError
        except TimeoutError:
            return ready()
        except (BrokenPipeError, ConnectionResetError) as error:
            raise SentAway(f"the server has closed the connection{self._closing_message()}") from error
        return True

    async def _process_input(self) -> bool:
        """Waits for bytes from the server and processes them; False where it has closed the connection."""
        received = await self._reader.read(_BLOCK_BYTES)
        self._com_port.receive(received)
        self._news.set()
        self._send_outgoing()
        if self._com_port.suspended and not self._closed:
            self._resumed.clear()
        else:
            self._resumed.set()
        if self._writer.transport.get_write_buffer_size() > _BLOCK_BYTES << 2:
            await self._writer.drain()  # it asks faster than it reads the answers
        return bool(received)

    def _send_outgoing(self) -> None:
        if outgoing := self._com_port.pop_outgoing():
            self._writer.write(outgoing)

    def _control(self, value: Control, *, confirmed: bool = True) -> None:
        if not self._com_port.accepted:
            raise NotImplementedError("the server works as plain telnet, which has no DTR, no RTS and no break")
        if self._closed:
            raise ConnectionResetError("the connection is closed")
        self._com_port.control(value, confirmed=confirmed)
        self._send_outgoing()

    async def _confirmed(self) -> None:
        """Waits for the answers, which some servers never give. Raises OSError for a refusal."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_CONTROL_SECONDS):
                while self._com_port.controlling and not self._closed:
                    self._news.clear()
                    await self._news.wait()
        if refused := self._com_port.pop_refused():
            raise OSError(f"the server refuses {' and '.join(refused)}")

    async def _discard_unsent(self) -> None:
        """Has the server discard input that it has not sent to the device yet.

        Also while it has suspended us, since what it holds then is what must not arrive. It is not asked where the
        request would wait behind unsent input, or another task reads the answers: resetting the connection has to do.
        """
        if not self._com_port.accepted or self._reading or self._writer.transport.get_write_buffer_size():
            return
        self._com_port.purge(Purge.TO_DEVICE)
        await self._answered(lambda: not self._com_port.purging, _CLOSING_SECONDS)

    def _closing_message(self) -> str:
        text = self._com_port.pop_received()[-_MESSAGE_BYTES:].decode(errors="replace").strip()
        return f'; it said "{text}"' if text else ""


async def _connected(url: str, warn: Callable[[str], None]) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await connected_to(*address_of(url, warn))


async def connected_to(host: str, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection to a console server. Raises NotThereYet where it may still come, else another OSError."""
    try:
        async with asyncio.timeout(_CONNECT_SECONDS):
            reader, writer = await asyncio.open_connection(host, port)
    except TimeoutError as error:
        raise NotThereYet(f"nothing answers there within {_CONNECT_SECONDS:g} s") from error
    except PermissionError as error:
        raise ConnectionError(reason_of(error)) from error  # a firewall's word, which waiting does not change
    except OSError as error:
        raise of_server(error, reason_of(error)) from error
    connection: socket.socket = writer.get_extra_info("socket")
    # Closing resets the connection: the kernel drops unsent input instead of sending it after the lease's end.
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _KEEPALIVE.items():
        if option := getattr(socket, name, None):  # not every system has all of them
            connection.setsockopt(socket.IPPROTO_TCP, option, value)
    return reader, writer


def address_of(url: str, warn: Callable[[str], None]) -> tuple[str, int]:
    """The host and the port of a URL. Raises ValueError where it names none."""
    parts = urlsplit(url)
    if not parts.hostname or not parts.port:
        raise ValueError(f"it must read {parts.scheme}://HOST:PORT")
    if options := parts.path.strip("/") or parts.query:
        warn(f'"{options}" of the URL is an option of pyserial\'s and has no effect')
    return parts.hostname, parts.port
