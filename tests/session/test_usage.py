"""Whether the clients of a session use it, as its host finds out."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from jumplab.driver import ByteStream, Driver, DriverInterface, stream
from jumplab.session.client import Session, attach
from jumplab.session.host import DriverTree, SessionHost
from jumplab.session.host.usage import IDLE_AFTER
from tests.session.links import EVERYTHING, linked

SOON = timedelta(seconds=0.2)
BOUND_SECONDS = 40
"""A bound that only a hang reaches."""


class DeskInterface(DriverInterface):
    """What can be used in each way."""

    __observing__ = frozenset({"look"})

    async def look(self) -> None: ...

    async def touch(self) -> None: ...

    async def hold(self) -> None:
        """Lasts until it is let go of."""

    @stream
    async def console(self, stream: ByteStream) -> None: ...

    @stream(bulk=True)
    async def image(self, stream: ByteStream) -> None: ...


class Desk(DeskInterface, Driver):
    def __init__(self) -> None:
        super().__init__()
        self.let_go = asyncio.Event()

    async def look(self) -> None:
        pass

    async def touch(self) -> None:
        pass

    async def hold(self) -> None:
        await self.let_go.wait()

    async def console(self, stream: ByteStream) -> None:
        await stream.send(b"login: ")
        while await stream.receive():
            pass

    async def image(self, stream: ByteStream) -> None:
        await self.let_go.wait()


@asynccontextmanager
async def hosted(desk: Desk, idle_after: timedelta = IDLE_AFTER) -> AsyncIterator[SessionHost]:
    async with DriverTree({"desk": desk}, scope="bench") as tree, SessionHost(tree, idle_after=idle_after) as host:
        yield host


@asynccontextmanager
async def attached(host: SessionHost, *, busy: bool = False) -> AsyncIterator[Session]:
    async with linked(host) as link, attach(link, classes=EVERYTHING, busy=busy) as session:
        yield session


class Watched:
    """What a host has reported."""

    def __init__(self, host: SessionHost) -> None:
        self.reports: list[tuple[bool, bool]] = [(False, False)]
        self._changed = asyncio.Event()
        host.usage.on_change = self._note

    def _note(self, attached: bool, in_use: bool) -> None:
        self.reports.append((attached, in_use))
        self._changed.set()

    async def until(self, attached: bool, in_use: bool) -> None:
        async with asyncio.timeout(BOUND_SECONDS):
            while self.reports[-1] != (attached, in_use):
                self._changed.clear()
                await self._changed.wait()


async def test_a_client_that_is_only_there_does_not_use_the_session() -> None:
    async with hosted(Desk()) as host:
        watched = Watched(host)
        async with attached(host) as session:
            await watched.until(True, False)
            await session.root.desk.touch()
            await watched.until(True, True)
            await session.root.desk.touch()
        await watched.until(False, False)
        assert watched.reports == [(False, False), (True, False), (True, True), (False, False)]


async def test_a_use_counts_for_a_time_and_whoever_is_attached_then() -> None:
    async with hosted(Desk(), idle_after=SOON) as host, attached(host):
        watched = Watched(host)
        async with attached(host) as another:
            await another.root.desk.touch()
        await watched.until(True, True)
        await watched.until(True, False)


async def test_a_call_that_lasts_is_use_until_its_end() -> None:
    desk = Desk()
    async with hosted(desk, idle_after=timedelta(0)) as host, attached(host) as session:
        watched = Watched(host)
        holding = asyncio.create_task(session.root.desk.hold())
        await watched.until(True, True)
        await session.root.desk.touch()
        assert watched.reports[-1] == (True, True)
        desk.let_go.set()
        await holding
        await watched.until(True, False)


async def test_a_console_is_used_by_who_types_and_not_by_who_only_looks() -> None:
    async with hosted(Desk(), idle_after=SOON) as host, attached(host) as session:
        watched = Watched(host)
        async with session.root.desk.open("console") as console:
            assert await console.receive() == b"login: "
            await session.root.desk.look()
            assert watched.reports == [(False, False)]
            await console.send(b"root\n")
            await watched.until(True, True)
            await watched.until(True, False)


async def test_an_image_is_use_for_as_long_as_it_is_on_its_way() -> None:
    desk = Desk()
    async with hosted(desk, idle_after=timedelta(0)) as host, attached(host) as session:
        watched = Watched(host)
        async with session.root.desk.open("image"):
            await watched.until(True, True)
            assert watched.reports[-1] == (True, True)
            desk.let_go.set()
            await watched.until(True, False)


async def test_who_is_busy_uses_the_session_without_a_call() -> None:
    async with hosted(Desk(), idle_after=timedelta(0)) as host, attached(host):
        watched = Watched(host)
        async with attached(host, busy=True):
            await watched.until(True, True)
        await watched.until(True, False)


async def test_the_use_of_a_former_holder_is_not_that_of_the_next() -> None:
    async with hosted(Desk()) as host:
        watched = Watched(host)
        async with attached(host) as session:
            await session.root.desk.touch()
            await watched.until(True, True)
            host.dismiss("the lease belongs to another client now")
        async with attached(host):
            await watched.until(True, False)
