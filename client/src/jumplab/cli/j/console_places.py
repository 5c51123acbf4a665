"""Where the `j` of one leased shell are in its consoles: they share one cursor for each console."""

import asyncio
import logging
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from jumplab.cli.j.driver_tree import DriverTree, walk
from jumplab.client.driver_source import DriverSource
from jumplab.client.errors import ClientError
from jumplab.driver import AsyncDriverClient, Cursor
from jumplab.driver.errors import DriverError
from jumplab.drivers.console.aio import AsyncConsoleClient
from jumplab.drivers.console.conversation import ConsolePlace
from jumplab.transport.errors import TransportError

AttachPoints = Mapping[tuple[str, str], Cursor]
"""By a member and a console's path: where the shell has attached."""

_log = logging.getLogger(__name__)


class ConsolePlaces:
    """The places, by member and path.

    attach_points: where a shell in somebody else's lease has attached, which it is still finding out; None: the lease
    is the shell's own, and it reads from the lease's begin.
    """

    def __init__(self, attach_points: "asyncio.Task[AttachPoints] | None" = None) -> None:
        self._attach_points = attach_points
        self._places: dict[tuple[str, str], ConsolePlace] = {}
        self._locks: defaultdict[tuple[str, str], asyncio.Lock] = defaultdict(asyncio.Lock)

    @asynccontextmanager
    async def taking(self, member: str, console: AsyncDriverClient) -> AsyncIterator[None]:
        """Puts a client where the last one of its console stopped; one at a time."""
        assert isinstance(console, AsyncConsoleClient)
        key = (member, console.path)
        async with self._locks[key]:
            console.place = self._places.get(key) or await self._first(key, console)
            try:
                yield
            finally:
                if console.place is not None:
                    self._places[key] = console.place

    async def _first(self, key: tuple[str, str], console: AsyncConsoleClient) -> ConsolePlace:
        begin = Cursor(0, console.epoch)
        if self._attach_points is not None:
            begin = (await asyncio.shield(self._attach_points)).get(key) or console.attached_at or begin
        return ConsolePlace(begin, begin)


async def attach_points(source: DriverSource) -> AttachPoints:
    """Where the consoles are now. Those of an exporter that can't be reached are left out."""
    points: dict[tuple[str, str], Cursor] = {}
    for member in source.member_names:
        tree = DriverTree.allowing((), unsafe=False)
        try:
            async with source.attached(tree, "jumplab shell", member) as session:
                for client in walk(session.root):
                    if client.attached_at is not None:
                        points[member, client.path] = client.attached_at
        except (ClientError, DriverError, TransportError) as error:
            _log.debug("where the consoles were at the shell's begin is unknown: %s", error)
    return points
