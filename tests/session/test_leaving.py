"""Leaving a session, however that is interrupted."""

import asyncio
import gc
import weakref
from typing import Self

import pytest

from jumplab.driver.errors import SessionEnded
from jumplab.session.client import Session, attach
from jumplab.session.host import DriverTree
from jumplab.transport.links import EnvelopeKind, EnvelopeStream, Link
from tests.driver.boards import AsyncMeterClient, Meter
from tests.session.links import EVERYTHING, hosted, linked

SOON = 40
"""Seconds; a bound that only a hang reaches."""


class StuckStream:
    """A stream on which nothing gets away once `stuck` is set; `asked` is set when somebody tries."""

    def __init__(self, stream: EnvelopeStream) -> None:
        self._stream = stream
        self.piece_bytes = stream.piece_bytes
        self.stuck = False
        self.asked = asyncio.Event()

    async def send(self, payload: bytes, kind: EnvelopeKind = EnvelopeKind.DATA) -> None:
        if self.stuck:
            self.asked.set()
            await asyncio.Event().wait()
        await self._stream.send(payload, kind)

    async def receive(self) -> tuple[EnvelopeKind, bytes]:
        return await self._stream.receive()

    async def aclose(self) -> None:
        await self._stream.aclose()


class StuckLink:
    def __init__(self, link: Link) -> None:
        self._link = link
        self.session: StuckStream | None = None

    async def open(self, number: int, *, bulk: bool = False) -> EnvelopeStream:
        self.session = StuckStream(await self._link.open(number, bulk=bulk))
        return self.session

    async def aclose(self) -> None:
        await self._link.aclose()


async def test_who_is_cancelled_again_while_leaving_leaves_no_task_behind() -> None:
    async with hosted(meter=Meter()) as host, linked(host) as whole, asyncio.timeout(SOON):
        link = StuckLink(whole)
        there: asyncio.Future[Session] = asyncio.get_running_loop().create_future()

        async def stay() -> None:
            async with attach(link, classes=EVERYTHING) as session:
                there.set_result(session)
                await asyncio.Event().wait()

        staying = asyncio.create_task(stay())
        await there
        assert link.session is not None
        link.session.stuck = True
        staying.cancel()
        await link.session.asked.wait()
        staying.cancel()
        with pytest.raises(asyncio.CancelledError):
            await staying
        assert not [task for task in asyncio.all_tasks() if task.get_name() == "the session's connection"]


async def test_a_client_that_is_kept_keeps_no_connection() -> None:
    async with hosted(meter=Meter()) as host:
        async with linked(host) as whole:
            link = StuckLink(whole)
            async with asyncio.timeout(SOON), attach(link, classes=EVERYTHING) as session:
                meter: AsyncMeterClient = session.root.meter
                await meter.read(1)
            there = weakref.ref(link)
            del link, whole
        gc.collect()
        assert there() is None
        with pytest.raises(SessionEnded):
            await meter.read(1)


class Slow(Meter):
    """Is never set up; `asked` is set when somebody tries."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = asyncio.Event()

    async def __aenter__(self) -> Self:
        self.asked.set()
        await asyncio.Event().wait()
        return self


class Kept(Meter):
    """Notes that it is in use."""

    in_use = False

    async def __aenter__(self) -> Self:
        self.in_use = True
        return await super().__aenter__()

    async def __aexit__(self, *_: object) -> None:
        self.in_use = False


async def test_a_tree_whose_set_up_is_cancelled_tears_down_what_is_set_up() -> None:
    before = asyncio.all_tasks()
    kept, slow = Kept(), Slow()
    tree = DriverTree({"kept": kept, "slow": slow}, scope="bench")
    async with asyncio.timeout(SOON):
        entering = asyncio.create_task(tree.__aenter__())
        await slow.asked.wait()
        assert kept.in_use
        entering.cancel()
        with pytest.raises(asyncio.CancelledError):
            await entering
    assert not kept.in_use
    assert asyncio.all_tasks() <= before


class Lingering(Meter):
    """Is torn down once `may_end` is set; `asked` is set when somebody tries."""

    def __init__(self) -> None:
        super().__init__()
        self.asked, self.may_end = asyncio.Event(), asyncio.Event()

    async def __aexit__(self, *_: object) -> None:
        self.asked.set()
        await self.may_end.wait()


async def test_a_tree_whose_tear_down_is_cancelled_tears_all_down() -> None:
    before = asyncio.all_tasks()
    kept, lingering = Kept(), Lingering()
    async with asyncio.timeout(SOON):
        tree = await DriverTree({"kept": kept, "lingering": lingering}, scope="bench").__aenter__()
        leaving = asyncio.create_task(tree.__aexit__(None, None, None))
        await lingering.asked.wait()
        leaving.cancel()
        await asyncio.sleep(0)
        lingering.may_end.set()
        with pytest.raises(asyncio.CancelledError):
            await leaving
    assert not kept.in_use
    assert asyncio.all_tasks() <= before
