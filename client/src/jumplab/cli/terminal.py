"""A byte stream at the terminal: what is typed goes out, what comes is shown."""

import asyncio
import os
import sys
import termios
import tty
from collections.abc import Iterator
from contextlib import contextmanager

from jumplab.cli.exit_status import print_note
from jumplab.driver import ResultStream

ESCAPE = b"\x1d"
_BLOCK_BYTES = 64 << 10


async def converse(stream: ResultStream, *, ends_with_input: bool) -> None:
    """Joins standard input and output to the stream until the driver ends it, or Ctrl-] at a terminal.

    At a terminal every other key goes to the driver, Ctrl-C too.  ends_with_input: the end of standard input ends our
    direction of the stream; else what comes is shown on. Raises DriverError.
    """
    terminal = sys.stdin.isatty()
    if terminal:
        print_note("connected; Ctrl-] leaves", program="console")
    with _raw_mode() if terminal else _as_it_is():
        async with asyncio.TaskGroup() as tasks:
            showing = tasks.create_task(show(stream), name="bytes to the screen")
            typing = tasks.create_task(_send_typed(stream, terminal, ends_with_input), name="bytes from the keyboard")
            await asyncio.wait([showing, typing], return_when=asyncio.FIRST_COMPLETED)
            left = typing.done() and not typing.cancelled() and typing.exception() is None and typing.result()
            if not left:
                await showing
            showing.cancel()
            typing.cancel()
    if not left:
        await stream.result()


async def show(stream: ResultStream) -> None:
    """Shows what comes until the driver ends it. Raises DriverError."""
    while data := await stream.receive():
        # In a thread: a terminal that is stopped (Ctrl-S over ssh) must not stop the session.
        await asyncio.to_thread(_write_all, data)


def _write_all(data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(sys.stdout.fileno(), view) :]


async def _send_typed(stream: ResultStream, terminal: bool, ends_with_input: bool) -> bool:
    """Sends standard input to its end; True where the user has left with the escape key."""
    while block := await _read_input():
        typed, escape, _ = block.partition(ESCAPE) if terminal else (block, b"", b"")
        if typed:
            await stream.send(typed)
        if escape:
            return True
    if ends_with_input:
        await stream.send_end()
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
    tty.setraw(descriptor)
    try:
        yield
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
        os.write(sys.stderr.fileno(), b"\n")


@contextmanager
def _as_it_is() -> Iterator[None]:
    yield
