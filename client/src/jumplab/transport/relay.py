"""Joins two links stream by stream, so that a peer on this machine reaches a session through another's way to it."""

import asyncio

from jumplab.transport.errors import TransportError
from jumplab.transport.links import EnvelopeStream, Link, StreamReset
from jumplab.transport.listener import AcceptedLink


async def relay(accepted: AcceptedLink, onward: Link) -> None:
    """Passes every stream that arrives on `accepted` on to `onward`, until stream 0 is over. Closes neither link.

    Errors of one stream reach its two peers and nobody else.
    """
    async with asyncio.TaskGroup() as tasks:
        first = await accepted.accept()
        others = tasks.create_task(_join_arrivals(accepted, onward), name="relay of byte streams")
        await _join(first.stream, onward, first.number, bulk=False)
        others.cancel()


async def _join_arrivals(accepted: AcceptedLink, onward: Link) -> None:
    async with asyncio.TaskGroup() as tasks:
        while True:
            arrival = await accepted.accept()
            joined = _join(arrival.stream, onward, arrival.number, bulk=arrival.bulk)
            tasks.create_task(joined, name=f"relay of stream {arrival.number}")


async def _join(here: EnvelopeStream, onward: Link, number: int, *, bulk: bool) -> None:
    try:
        there = await onward.open(number, bulk=bulk)
    except TransportError as error:
        await here.reset(str(error))
        return
    copies = [
        asyncio.create_task(_copy(here, there), name=f"stream {number} onward"),
        asyncio.create_task(_copy(there, here), name=f"stream {number} back"),
    ]
    try:
        await asyncio.wait(copies, return_when=asyncio.FIRST_EXCEPTION)
    finally:
        for copy in copies:
            copy.cancel()
        await asyncio.gather(*copies, return_exceptions=True)
        await here.aclose()
        await there.aclose()


async def _copy(source: EnvelopeStream, target: EnvelopeStream) -> None:
    """Copies one direction to its end. A reset is passed on; any error ends the whole stream."""
    try:
        while (payload := await source.receive()) is not None:
            await target.send(payload)
        await target.send_end()
    except StreamReset as error:
        await target.reset(str(error))
        raise
