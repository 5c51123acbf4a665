"""The two ends of a session over each kind of link that needs no router."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from jumplab.driver import Driver
from jumplab.session.client import ClientClasses, Session, attach
from jumplab.session.host import DriverTree, SessionHost
from jumplab.transport.links import Link
from jumplab.transport.memory import memory_links

EVERYTHING = ClientClasses(unsafe=True)


@asynccontextmanager
async def hosted(**drivers: Driver) -> AsyncIterator[SessionHost]:
    """A session's host over these drivers."""
    async with DriverTree(drivers, scope="bench") as tree, SessionHost(tree, exporter_name="bench") as host:
        yield host


@asynccontextmanager
async def linked(host: SessionHost) -> AsyncIterator[Link]:
    """A client's link to the host."""
    ours, theirs = memory_links()
    serving = asyncio.create_task(host.serve(theirs))
    try:
        yield ours
    finally:
        await ours.aclose()
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)


@asynccontextmanager
async def attached(host: SessionHost, classes: ClientClasses = EVERYTHING) -> AsyncIterator[Session]:
    """A client that is attached to the host."""
    async with linked(host) as link, attach(link, classes=classes) as session:
        yield session
