"""The consoles of a board, as a strategy listens to them beside its ways."""

import asyncio
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import NoReturn

from jumplab.client.boards import AsyncBoard, Board
from jumplab.control_sequences import printable
from jumplab.driver import AsyncDriverClient, DriverClient, Portal
from jumplab.driver.client import Cursor
from jumplab.driver.errors import DriverError
from jumplab.drivers.console.stream import ConsoleStream, joined
from jumplab.drivers.console.transcript import end_of, is_console, text_since
from jumplab.strategies.errors import BoardPanicked
from jumplab.transport.first_completed import first_completed

LAST_LINES = 15
_LAST_BYTES = 16 << 10
_LONGEST_LINE = 4096
_END_OF_LINE_SECONDS = 1.0


@dataclass
class Consoles:
    """The consoles of a board, each with where it was at the begin of the present way."""

    clients: Sequence[AsyncDriverClient]
    begins: dict[str, Cursor] = field(default_factory=dict)

    async def begin(self) -> None:
        """A way begins: what is said from here on belongs to it. A console that does not answer is left out."""
        self.begins = {}
        for client in self.clients:
            try:
                self.begins[client.path] = await end_of(client)
            except DriverError:  # the way itself is told, where it uses the console
                continue

    async def last_lines(self) -> str:
        """The last lines that they have said since the begin; of several consoles each with its path."""
        texts = {
            client.path: await text_since(client, self.begins[client.path], _LAST_BYTES)
            for client in self.clients
            if client.path in self.begins
        }
        said = {path: _last(text) for path, text in texts.items() if text.strip()}
        if len(self.begins) < 2:
            return "\n".join(said.values())
        return "\n".join(f"--- {path}\n{text}" for path, text in said.items())

    async def watch(self, patterns: Sequence[str]) -> NoReturn:
        """Raises BoardPanicked as soon as one of them says what a pattern finds."""
        compiled = [re.compile(each) for each in patterns]
        watched = {path: client for client in self.clients if (path := client.path) in self.begins}
        if not patterns or not watched:
            await asyncio.Event().wait()
        await first_completed({path: _watch(client, self.begins[path], compiled) for path, client in watched.items()})
        raise AssertionError("a watch ended without an error")


async def _watch(client: AsyncDriverClient, begin: Cursor, patterns: Sequence[re.Pattern[str]]) -> None:
    with suppress(DriverError):  # the way itself is told, where it uses the console
        async with joined(client, begin.offset if begin.epoch == client.epoch else 0, mark_gaps=True) as stream:
            rest = b""
            while received := await stream.receive():
                *whole, rest = (rest + received).split(b"\n")
                for line in [*whole, rest]:
                    if any(each.search(line.decode(errors="replace")) for each in patterns):
                        said = line if line is not rest else await _rest_of_line(stream, rest)
                        raise BoardPanicked(f'{client.path} said "{_shown(said)}", after which the board can\'t go on')
                rest = rest[-_LONGEST_LINE:]
    await asyncio.Event().wait()


async def _rest_of_line(stream: ConsoleStream, line: bytes) -> bytes:
    """A line that has begun, with what comes of it at once."""
    with suppress(TimeoutError):
        async with asyncio.timeout(_END_OF_LINE_SECONDS):
            while b"\n" not in line and (received := await stream.receive()):
                line += received
    return line.partition(b"\n")[0]


def _shown(line: bytes) -> str:
    return printable(line.decode(errors="replace").strip())


def _last(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.strip("\n").split("\n")[-LAST_LINES:])


def consoles_of(board: object) -> Consoles:
    """The consoles below a board, or below a client."""
    found: dict[str, AsyncDriverClient] = {}
    for client in _clients(board):
        twin = client._twin if isinstance(client, DriverClient) else client
        if is_console(twin):
            found.setdefault(twin._node.alias_of or twin._node.uuid, twin)
    return Consoles(list(found.values()))


def portal_of(board: object) -> Portal | None:
    """The portal of a board for plain code; None where it has no drivers."""
    return next((client._portal for client in _clients(board) if isinstance(client, DriverClient)), None)


def _clients(board: object) -> Iterator[DriverClient | AsyncDriverClient]:
    if isinstance(board, Board | AsyncBoard):
        for each in vars(board).values():
            yield from _clients(each)
    elif isinstance(board, DriverClient | AsyncDriverClient):
        yield board
        for child in board.children.values():
            yield from _clients(child)
