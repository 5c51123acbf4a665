"""Reads what a console has said, beside the conversation that its users have with it."""

import asyncio
import re

from jumplab.control_sequences import printable
from jumplab.driver import AsyncDriverClient
from jumplab.driver.client import Cursor
from jumplab.driver.errors import DriverError
from jumplab.driver.interface import name_of
from jumplab.drivers.console.interface import ConsoleInterface
from jumplab.drivers.console.stream import joined

_READING_BOUND_SECONDS = 30.0


def is_console(client: AsyncDriverClient) -> bool:
    """Whether a driver is a console, whatever its client's class."""
    return name_of(ConsoleInterface) in [name for name, _ in client._node.interfaces]


async def end_of(console: AsyncDriverClient) -> Cursor:
    """The end that a console has now. Raises DriverError."""
    epoch, state = console.epoch, await console.call("state")
    return Cursor(int(state["end_offset"] if isinstance(state, dict) else state.end_offset), epoch)


async def text_since(console: AsyncDriverClient, begin: Cursor, limit_bytes: int | None) -> str:
    """What a console has said until now, without control characters; with a line of ours for what is left out.

    limit_bytes: how much at most, from the end. What can't be read is a line of ours, too.
    """
    note, data = "", bytearray()
    try:
        async with asyncio.timeout(_READING_BOUND_SECONDS):
            end = (await end_of(console)).offset
            start = begin.offset if begin.epoch == console.epoch else 0
            if limit_bytes is not None and end - start > limit_bytes:
                note = f"[… {end - start - limit_bytes} bytes before this are left out …]\n"
                start = end - limit_bytes
            if start < end:
                async with joined(console, start, mark_gaps=True) as stream:
                    while stream.offset < end and (received := await stream.receive()):
                        data += received
    except (DriverError, TimeoutError) as error:
        data += f"\n[… the rest can't be read: {error or 'the exporter does not answer'} …]\n".encode()
    lines = re.sub(r"\r+\n|\r", "\n", data.decode(errors="replace"))
    return note + printable(lines.replace("\b", ""))
