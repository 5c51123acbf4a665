"""Sends a file of this machine on a byte stream, until the driver has answered."""

import asyncio
import hashlib
from collections.abc import Callable
from typing import Protocol, TypeVar

from jumplab.driver import ResultStream, errors
from jumplab.drivers.storage.local_files import Source


class Arrived(Protocol):
    """What a driver's method tells of a file that it has taken.  sha256: of its content, hexadecimal."""

    @property
    def sha256(self) -> str: ...


A = TypeVar("A", bound=Arrived)


async def upload_compared(
    remote: ResultStream,
    source: Source,
    progress: Callable[[int], None] | None,
    read: Callable[[bytes], A],
    differs: str,
) -> A:
    """`upload`, whose result says what has arrived.

    progress: is called with the number of bytes sent so far.  read: makes the result of its JSON.  differs: the
    sentence for another content that has arrived. Raises CallBroken then, and as `upload`.
    """
    sha256, sent_bytes = hashlib.sha256(), 0

    def note(block: bytes) -> None:
        nonlocal sent_bytes
        sha256.update(block)
        sent_bytes += len(block)
        if progress is not None:
            progress(sent_bytes)

    arrived = read(await upload(remote, source, note))
    if arrived.sha256 != sha256.hexdigest():
        raise errors.CallBroken(differs, type="OSError")
    return arrived


async def upload(remote: ResultStream, source: Source, note: Callable[[bytes], None]) -> bytes:
    """Sends all of it and its end: what the driver's method returns, as JSON.  note: is called with each block.

    Raises DriverError, and OSError where the source can't be read.
    """
    ended = asyncio.ensure_future(remote.result())
    try:
        while block := await source.read(ended):
            note(block)
            await remote.send(block)
        if not ended.done():
            await remote.send_end()
        return await ended
    finally:
        ended.cancel()
        await asyncio.gather(ended, return_exceptions=True)
