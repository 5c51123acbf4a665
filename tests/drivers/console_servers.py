"""Console servers with a device at their serial line that is the test's: plain TCP, and RFC 2217.

    python -m tests.drivers.console_servers socket|rfc2217 SIZE

says SIZE bytes each time that something is typed, as fast as they are read.
"""

import asyncio
import sys
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Self

IAC, DONT, DO, WONT, WILL, SB, SE = 255, 254, 253, 252, 251, 250, 240
BINARY, COM_PORT = 0, 44
SET_BAUDRATE, SET_CONTROL, SUSPEND, RESUME, PURGE_DATA = 1, 5, 8, 9, 12
DTR_ON, RTS_ON = 8, 11
LINES = (b"%08d " % 7 * 7 + b"\xff\r\n") * 1000  # with the one byte that telnet escapes


class SocketServer:
    """A console server on plain TCP. `async with` it; `url` is the console's.

    connections: how many have come so far;  typed: all that has reached the device.
    """

    scheme = "socket"

    def __init__(self) -> None:
        self.connections = 0
        self.typed = b""
        self._changed = asyncio.Condition()
        self._writers: set[asyncio.StreamWriter] = set()

    async def __aenter__(self) -> Self:
        await self.listen(0)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.vanish()

    async def listen(self, port: int) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", port)
        self.port = self._server.sockets[0].getsockname()[1]
        self.url = f"{self.scheme}://127.0.0.1:{self.port}"

    async def vanish(self) -> None:
        """Ends all connections, and listens no more."""
        self._server.close()
        self.hang_up()
        await self.until(lambda: not self._writers)

    def hang_up(self) -> None:
        for writer in self._writers:
            writer.transport.abort()

    def stop_reading(self) -> None:
        """Takes nothing more of what is typed."""
        for writer in self._writers:
            writer.transport.pause_reading()  # type: ignore[attr-defined]  # a writer's type has half a transport

    async def say(self, data: bytes) -> None:
        """The device says something; waits while nobody is connected. A connection that ends meanwhile loses it."""
        await self.until(lambda: bool(self._writers))
        for writer in tuple(self._writers):
            writer.write(self.encoded(data))
            with suppress(ConnectionError):
                await writer.drain()

    async def until(self, ready: Callable[[], bool]) -> None:
        async with self._changed:
            await self._changed.wait_for(ready)

    def encoded(self, data: bytes) -> bytes:
        return data

    async def greet(self, writer: asyncio.StreamWriter) -> None:
        """What the server says to each that connects."""

    def hear(self, received: bytes, writer: asyncio.StreamWriter) -> None:
        self.typed += received

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.add(writer)
        try:
            await self._notify()
            await self.greet(writer)
            while received := await reader.read(1 << 16):
                self.hear(received, writer)
                await self._notify()
        except ConnectionError:
            pass
        finally:
            self._writers.discard(writer)
            writer.transport.abort()
            await self._notify()

    async def _notify(self) -> None:
        async with self._changed:
            self._changed.notify_all()


class Rfc2217Server(SocketServer):
    """A console server that speaks RFC 2217.

    com_port: whether it takes the option at all;  silent: commands that it does not answer;  answers: values that it
    sets in place of what is asked, by command;  before: what the device has said before anybody is connected, which a
    purge forgets.

    commands: all that were given, with their values.
    """

    scheme = "rfc2217"

    def __init__(
        self,
        *,
        com_port: bool = True,
        silent: tuple[int, ...] = (),
        answers: dict[int, bytes] | None = None,
        before: bytes = b"",
    ) -> None:
        super().__init__()
        self.commands: list[tuple[int, bytes]] = []
        self._com_port = com_port
        self._silent = silent
        self._answers = answers or {}
        self._before = before
        self._command = bytearray()

    def command(self, number: int) -> bytes | None:
        """The value that a command was given with last."""
        return next((value for each, value in reversed(self.commands) if each == number), None)

    async def notify(self, command: int, value: bytes = b"") -> None:
        """Says something of the line by itself."""
        for writer in self._writers:
            writer.write(bytes((IAC, SB, COM_PORT, 100 + command)) + value + bytes((IAC, SE)))
            await writer.drain()

    def encoded(self, data: bytes) -> bytes:
        return data.replace(b"\xff", b"\xff\xff")

    async def greet(self, writer: asyncio.StreamWriter) -> None:
        self._command.clear()
        writer.write(bytes((IAC, WILL, BINARY)) + self.encoded(self._before))

    def hear(self, received: bytes, writer: asyncio.StreamWriter) -> None:
        if IAC not in received and not self._command:
            self.typed += received
            return
        for byte in received:
            self._command.append(byte)
            if self._complete(writer):
                self._command.clear()

    def _complete(self, writer: asyncio.StreamWriter) -> bool:
        """Does what the bytes of the last command say, one by one; False where more of them are to come."""
        match list(self._command):
            case [byte] if byte != IAC:
                self.typed += bytes((byte,))
            case [_, byte] if byte == IAC:
                self.typed += b"\xff"
            case [_, verb, option] if verb in (WILL, WONT, DO, DONT):
                self._negotiate(verb, option, writer)
            case [_, kind, option, number, *_, before, last] if kind == SB and (before, last) == (IAC, SE):
                assert option == COM_PORT
                value = bytes(self._command[4:-2]).replace(b"\xff\xff", b"\xff")
                self.commands.append((number, value))
                self._obey(number, value, writer)
            case _:
                return False
        return True

    def _negotiate(self, verb: int, option: int, writer: asyncio.StreamWriter) -> None:
        if option == COM_PORT and not self._com_port:
            writer.write(bytes((IAC, DONT, option)))
        elif verb == WILL:
            writer.write(bytes((IAC, DO, option)))
        elif verb == DO and option != BINARY:
            writer.write(bytes((IAC, WILL, option)))

    def _obey(self, number: int, value: bytes, writer: asyncio.StreamWriter) -> None:
        if number not in self._silent:
            answer = self._answers.get(number, value).replace(b"\xff", b"\xff\xff")
            writer.write(bytes((IAC, SB, COM_PORT, 100 + number)) + answer + bytes((IAC, SE)))


async def _main(kind: str, size_bytes: int) -> None:
    async with {"socket": SocketServer, "rfc2217": Rfc2217Server}[kind]() as server:
        print(f"serving at {server.url} ", flush=True)
        while True:
            await server.until(lambda: bool(server.typed))
            server.typed = b""
            for _ in range(0, size_bytes, len(LINES)):
                await server.say(LINES)


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1], int(sys.argv[2])))
