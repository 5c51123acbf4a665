"""Drivers and their clients in one process: everything of a session but the network."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from jumplab.driver import AsyncGenericClient, Driver, GenericClient, Portal, errors
from jumplab.driver.plain import plain_twin_of
from jumplab.session.client import ClientClasses, attach
from jumplab.session.host import DriverTree, SessionHost
from jumplab.transport.memory import memory_links


@asynccontextmanager
async def serve_async(**drivers: Driver) -> AsyncIterator[AsyncGenericClient]:
    """Sets the drivers up, and gives the client of a board that has them by these names.

    Arguments and results travel as over a network. Every client class is allowed.
    Raises DriverFailed where a driver does not start.
    """
    async with DriverTree(drivers, scope="test") as tree, SessionHost(tree, exporter_name="test") as host:
        for path, failure in tree.failures().items():
            raise errors.DriverFailed(f'driver "{path}" did not start: {failure}')
        ours, theirs = memory_links()
        serving = asyncio.create_task(host.serve(theirs), name="session in memory")
        try:
            async with attach(ours, classes=ClientClasses(unsafe=True)) as session:
                yield session.root
        finally:
            await host.end("the test is over")
            await serving


@contextmanager
def serve(**drivers: Driver) -> Iterator[GenericClient]:
    """`serve_async` for plain code: drivers run in a thread of their own."""
    with Portal() as portal, portal.entered(serve_async(**drivers)) as root:
        yield plain_twin_of(root, portal)
