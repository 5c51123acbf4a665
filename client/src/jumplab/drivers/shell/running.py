"""The client's end of a shell's streams."""

import asyncio
import json
from collections.abc import Callable, Sequence
from contextlib import suppress

from jumplab.driver import ResultStream, errors
from jumplab.drivers.shell.interface import Transfer
from jumplab.drivers.storage.local_files import Source
from jumplab.drivers.storage.uploading import upload


def words_of(command: Sequence[str]) -> list[str]:
    """A command's words. Raises BadArguments for a line of text, which would have to be cut into words."""
    if isinstance(command, str):
        raise errors.BadArguments(
            f'command: give its words, as ["ls", "-l"], not a line; a shell takes one: ["sh", "-c", {command!r}]'
        )
    return list(command)


async def converse(remote: ResultStream, source: Source, receive: Callable[[bytes], None]) -> int:
    """Sends standard input and takes what comes back, until the command's end: its exit status.

    Raises DriverError, OSError where the source can't be read, and what `receive` raises.
    """
    ended = asyncio.ensure_future(remote.result())
    sending = asyncio.create_task(_send(remote, source, ended), name="standard input of a command")
    receiving = asyncio.create_task(_receive(remote, receive), name="outputs of a command")
    try:
        await asyncio.wait({sending, receiving}, return_when=asyncio.FIRST_EXCEPTION)
        if sending.done() and sending.exception() is not None:
            sending.result()
        await receiving
        sending.cancel()
        await asyncio.wait([sending])
        with suppress(errors.DriverError):
            await remote.send_end()  # the result comes when both directions have ended
        return int(json.loads(await ended))
    finally:
        await _cancelled(sending, receiving, ended)


async def send_all(remote: ResultStream, source: Source, note: Callable[[bytes], None]) -> Transfer:
    """Sends a file and its end: what the driver says of it. Raises DriverError, OSError."""
    return transfer_of(await upload(remote, source, note))


def transfer_of(result: bytes) -> Transfer:
    """What the driver says of a file that was moved."""
    said = json.loads(result)
    return Transfer(size_bytes=int(said["size_bytes"]), sha256=str(said["sha256"]))


async def _send(remote: ResultStream, source: Source, ended: "asyncio.Future[bytes]") -> None:
    # A command may end before it has read all: what is wrong with the stream, its result tells.
    with suppress(errors.DriverError):
        while block := await source.read(ended):
            await remote.send(block)
        await remote.send_end()


async def _receive(remote: ResultStream, receive: Callable[[bytes], None]) -> None:
    while data := await remote.receive():
        receive(data)


async def _cancelled(*futures: "asyncio.Future[bytes] | asyncio.Task[None]") -> None:
    for future in futures:
        future.cancel()
    await asyncio.gather(*futures, return_exceptions=True)
