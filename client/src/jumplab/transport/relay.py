"""Joins two links stream by stream, so that a peer on this machine reaches a session through another's way to it."""

import asyncio

from jumplab.transport.errors import TransportError
from jumplab.transport.first_completed import first_completed
from jumplab.transport.links import EnvelopeStream, Link
from jumplab.transport.listener import AcceptedLink, turn_away


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
        await turn_away(here, error, number)
        return
    try:
        await first_completed(
            {f"stream {number} onward": _copy(here, there), f"stream {number} back": _copy(there, here)}
        )
    except TransportError:
        pass  # either connection is gone, and so goes the other
    finally:
        await here.aclose()
        await there.aclose()


async def _copy(source: EnvelopeStream, target: EnvelopeStream) -> None:
    """Copies one direction until either connection is gone, which ends the whole stream."""
    while True:
        kind, payload = await source.receive()
        await target.send(payload, kind)
