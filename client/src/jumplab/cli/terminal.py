"""A byte stream at the terminal: what is typed goes out, what comes is shown."""

import asyncio
import os
import sys
import termios
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jumplab.cli.console_log import ConsoleLog, write_all
from jumplab.cli.exit_status import print_note
from jumplab.driver import ResultStream
from jumplab.driver.errors import DriverError

if TYPE_CHECKING:
    from jumplab.cli.console_menu import ConsoleMenu

ESCAPE = b"\x1d"
_BLOCK_BYTES = 64 << 10


@dataclass(frozen=True, slots=True)
class Screen:
    """Where a stream's bytes are shown.  log: gets them too.  menu: what the escape key offers; None: it leaves."""

    log: ConsoleLog | None = None
    menu: "ConsoleMenu | None" = None

    async def show(self, data: bytes) -> None:
        # In a thread: a terminal that is stopped (Ctrl-S over ssh) must not stop the session.
        await asyncio.to_thread(self._write_all, data)

    def _write_all(self, data: bytes) -> None:
        if self.log is not None:
            self.log.append(data)
        write_all(sys.stdout.fileno(), "", data)


async def converse(
    stream: ResultStream, screen: Screen = Screen(), *, ends_with_input: bool, first: bytes = b""
) -> None:
    """Joins standard input and output to the stream until the driver ends it, or the user leaves.

    At a terminal Ctrl-] leaves, or opens the screen's menu, and every other key goes to the driver, Ctrl-C too.
    ends_with_input: the end of standard input ends our direction of the stream; else what comes is shown on.  first: is
    shown before what comes. Raises DriverError.
    """
    terminal = sys.stdin.isatty()
    if terminal:
        leaving = "Ctrl-] leaves" if screen.menu is None else "Ctrl-] opens the menu, Ctrl-] twice leaves"
        print_note(f"connected; {leaving}", program="console")
    with _raw_mode() if terminal else _as_it_is():
        if first:
            await screen.show(first)
        async with asyncio.TaskGroup() as tasks:
            showing = tasks.create_task(show(stream, screen), name="bytes to the screen")
            typed = _send_typed(stream, screen, terminal=terminal, ends_with_input=ends_with_input)
            typing = tasks.create_task(typed, name="bytes from the keyboard")
            await asyncio.wait([showing, typing], return_when=asyncio.FIRST_COMPLETED)
            left = typing.done() and not typing.cancelled() and typing.exception() is None and typing.result()
            if not left:
                await showing
            showing.cancel()
            typing.cancel()
    if not left:
        await stream.result()


async def show(stream: ResultStream, screen: Screen = Screen()) -> None:
    """Shows what comes until the driver ends it. Raises DriverError."""
    while data := await stream.receive():
        await screen.show(data)


async def _send_typed(stream: ResultStream, screen: Screen, *, terminal: bool, ends_with_input: bool) -> bool:
    """Sends standard input to its end; True where the user has left."""
    keys = _Keys(stream, screen)
    while block := await _read_input():
        if not terminal:
            await stream.send(block)
        elif await keys.typed(block):
            return True
    if ends_with_input:
        await stream.send_end()
    return False


class _Keys:
    """The keys typed at a terminal."""

    def __init__(self, stream: ResultStream, screen: Screen) -> None:
        self._stream = stream
        self._menu = screen.menu
        self._choosing = False

    async def typed(self, block: bytes) -> bool:
        """Sends it, but for the escape key and what is chosen behind it; True where the user has left."""
        while block:
            if self._choosing:
                self._choosing = False
                if await self._chosen(block[:1]):
                    return True
                block = block[1:]
                continue
            before, escape, block = block.partition(ESCAPE)
            if before:
                await self._stream.send(before)
            if escape and self._menu is None:
                return True
            if escape and self._menu is not None:
                self._choosing = True
                if not block:
                    print_note(self._menu.line, program="console")
        return False

    async def _chosen(self, key: bytes) -> bool:
        from jumplab.cli.console_menu import LEAVING, LITERAL

        assert self._menu is not None
        if key in LEAVING:
            return True
        if key == LITERAL:
            await self._stream.send(ESCAPE)
        elif (choice := self._menu.choices.get(key)) is not None:
            print_note(choice.words, program="console")
            try:
                await choice.action()
            except DriverError as error:
                print_note(str(error), program="console")
        return False


async def _read_input() -> bytes:
    """The next bytes of standard input, b"" at its end; without a thread, which nobody could stop."""
    loop, descriptor = asyncio.get_running_loop(), sys.stdin.fileno()
    block: asyncio.Future[bytes] = loop.create_future()

    def read() -> None:
        # Once for each time that it is readable: a second read could block.
        loop.remove_reader(descriptor)
        try:
            block.set_result(os.read(descriptor, _BLOCK_BYTES))
        except OSError:
            block.set_result(b"")  # the terminal has gone

    try:
        loop.add_reader(descriptor, read)
    except PermissionError:
        read()  # a regular file: epoll does not take it, and it never blocks
    try:
        return await block
    finally:
        loop.remove_reader(descriptor)


@contextmanager
def _raw_mode() -> Iterator[None]:
    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)
    tty.setraw(descriptor, termios.TCSADRAIN)  # what was typed already stays
    try:
        yield
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
        os.write(sys.stderr.fileno(), b"\n")


@contextmanager
def _as_it_is() -> Iterator[None]:
    yield
