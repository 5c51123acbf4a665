"""The driver's end of a shell's streams."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Protocol

from jumplab.driver import ByteStream
from jumplab.drivers.shell import Transfer
from jumplab.drivers.shell.framing import Output, framed

BLOCK_BYTES = 64 << 10
_LAST_INPUT_SECONDS = 30.0


class Reader(Protocol):
    """An output of a command."""

    async def read(self, size_bytes: int, /) -> bytes:
        """The next bytes; b"" at its end. Raises OSError where it is lost."""
        ...


class Writer(Protocol):
    """Standard input of a command. It raises OSError where nobody reads it any more."""

    def write(self, data: bytes, /) -> None: ...

    def write_eof(self) -> None: ...

    async def drain(self) -> None: ...


async def converse(
    stream: ByteStream, given: Writer, outputs: Mapping[Output, Reader], until_ended: Callable[[], Awaitable[object]]
) -> None:
    """Passes on standard input until the command has ended, and all that it puts out; takes what comes after that.

    Raises DriverError where the client is gone, OSError where an output is lost.
    """
    sending = asyncio.Lock()

    async def pass_output(output: Output, reader: Reader) -> None:
        while data := await reader.read(BLOCK_BYTES):
            async with sending:
                await stream.send(framed(output, data))

    passing = [
        asyncio.create_task(pass_output(output, reader), name=f"{output} of a command")
        for output, reader in outputs.items()
    ]
    giving = asyncio.create_task(_give(stream, given), name="standard input of a command")
    try:
        await asyncio.gather(*passing)
        await until_ended()
        await stream.send_end()
        giving.cancel()
        await asyncio.wait([giving])
        await _drop(stream)
    finally:
        for task in (*passing, giving):
            task.cancel()
        await asyncio.gather(*passing, giving, return_exceptions=True)


async def receive_into(stream: ByteStream, write: Callable[[bytes], Awaitable[object]]) -> Transfer:
    """Hands on what a client uploads, block by block. Raises DriverError, and what `write` raises."""
    sha256, size_bytes = hashlib.sha256(), 0
    while data := await stream.receive():
        await write(data)
        sha256.update(data)
        size_bytes += len(data)
    return Transfer(size_bytes, sha256.hexdigest())


async def send_from(stream: ByteStream, blocks: AsyncIterator[bytes]) -> Transfer:
    """Sends what a client downloads. Raises DriverError, and what the iterator raises."""
    sha256, size_bytes = hashlib.sha256(), 0
    async for data in blocks:
        await stream.send(data)
        sha256.update(data)
        size_bytes += len(data)
    await stream.send_end()
    return Transfer(size_bytes, sha256.hexdigest())


def require_command(command: list[str]) -> None:
    """Raises ValueError for what can be no command."""
    if not command or not command[0]:
        raise ValueError("the command is empty; name a program")
    if any("\0" in word for word in command):
        raise ValueError("a word of the command has a NUL in it, which no program can be given")


async def _give(stream: ByteStream, given: Writer) -> None:
    with suppress(OSError):  # a command need not read all that it is given
        while data := await stream.receive():
            given.write(data)
            await given.drain()
        given.write_eof()


async def _drop(stream: ByteStream) -> None:
    """Takes what a client still sends to a command that has ended: its stream would not end before."""
    with suppress(TimeoutError):
        async with asyncio.timeout(_LAST_INPUT_SECONDS):
            while await stream.receive():
                pass
