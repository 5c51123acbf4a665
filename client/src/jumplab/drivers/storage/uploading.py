"""Sends a file of this machine on a byte stream, until the driver has answered."""

import asyncio
from collections.abc import Callable

from jumplab.driver import ResultStream
from jumplab.drivers.storage.local_files import Source


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
