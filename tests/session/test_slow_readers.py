"""Who takes the items of a streaming call slowly holds back that call alone, and costs a bounded amount."""

import asyncio
from abc import abstractmethod
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager

import pytest

from jumplab.driver import Driver, DriverInterface, errors
from jumplab.protocol.v1.session_pb2 import Call, CallItem, CallResult, Frame, Frames, Hello, Welcome
from jumplab.session.client import Session, attach
from jumplab.session.frames import FRAME_BYTES, MAGIC, read_payloads
from jumplab.session.host import DriverTree
from jumplab.session.items import WINDOW_BYTES
from jumplab.transport.links import EnvelopeStream
from jumplab.transport.memory import memory_links
from jumplab.transport.routed import RoutedLink
from jumplab_operator.router.tokens import Role
from tests.exporter.waiting import until
from tests.session.links import EVERYTHING, attached, hosted, linked
from tests.session.test_resuming import network
from tests.worlds.relay import Bench, served

ITEM_BYTES = 64 << 10
AHEAD = WINDOW_BYTES // ITEM_BYTES
UNTOLD = AHEAD // 4  # what may have been taken before the exporter hears of it
MANY = 10 * AHEAD


class WellInterface(DriverInterface):
    """Gives as much as is taken."""

    @abstractmethod
    def pour(self, count: int, size_bytes: int) -> AsyncIterator[str]:
        """Numbered items of a size."""

    @abstractmethod
    async def ping(self) -> str:
        """Answers at once."""


class Well(WellInterface, Driver):
    """poured: how many items it was asked for.  closed: set when its last call is over."""

    exclusive = True

    def __init__(self) -> None:
        super().__init__()
        self.poured = 0
        self.closed = asyncio.Event()

    async def pour(self, count: int, size_bytes: int) -> AsyncIterator[str]:
        self.closed.clear()
        try:
            for number in range(count):
                self.poured += 1
                yield numbered(number, size_bytes)
        finally:
            self.closed.set()

    async def ping(self) -> str:
        return "pong"


class Bell(Well):
    """A well that is never waited for."""

    exclusive = False


def numbered(number: int, size_bytes: int) -> str:
    return str(number).ljust(size_bytes, "~")


async def stalled(well: Well, taken: int, session: Session) -> None:
    """Waits until the driver is asked for nothing more, and sees that others are answered meanwhile."""
    await until(lambda: well.poured - taken >= AHEAD - UNTOLD)
    for _ in range(20):
        assert await session.root.bell.ping() == "pong"
    assert well.poured - taken <= AHEAD


@asynccontextmanager
async def in_memory(well: Well) -> AsyncIterator[Session]:
    async with hosted(well=well, bell=Bell()) as host, attached(host) as session:
        yield session


@asynccontextmanager
async def through_a_router(well: Well) -> AsyncIterator[Session]:
    bench = Bench()
    async with served(bench), hosted(well=well, bell=Bell()) as host, AsyncExitStack() as stack:
        ours, theirs = (RoutedLink(bench.endpoint, bench.token(role)) for role in Role)
        serving = asyncio.create_task(host.serve(theirs))
        stack.push_async_callback(asyncio.wait, [serving])
        stack.callback(serving.cancel)
        stack.push_async_callback(ours.aclose)
        yield await stack.enter_async_context(attach(ours, classes=EVERYTHING))


@pytest.mark.parametrize("way", [in_memory, through_a_router])
async def test_a_slow_reader_holds_back_its_own_call_and_gets_everything_in_order(way):
    well = Well()
    async with way(well) as session:
        taken = 0
        async with aclosing(session.root.well.pour(MANY, ITEM_BYTES)) as items:
            async for item in items:
                assert item == numbered(taken, ITEM_BYTES)
                taken += 1
                if taken in (1, AHEAD, 3 * AHEAD):
                    await stalled(well, taken, session)
        assert taken == MANY


async def test_a_slow_reader_whose_connection_is_lost_again_and_again_gets_everything_once_and_in_order():
    well = Well()
    async with network(well=well, bell=Bell()) as net, net.attached() as session:
        taken = 0
        async with aclosing(session.root.well.pour(MANY, ITEM_BYTES)) as items:
            async for item in items:
                assert item == numbered(taken, ITEM_BYTES)
                taken += 1
                assert well.poured - taken <= AHEAD
                if taken % 23 == 1:
                    await net.cut()
                if taken % 46 == 1:
                    await stalled(well, taken, session)
                    await net.cut()
        assert taken == MANY


async def test_many_slow_readers_of_one_session_are_bounded_each():
    wells = {f"well{number}": Bell() for number in range(8)}
    async with hosted(bell=Bell(), **wells) as host, attached(host) as session, AsyncExitStack() as stack:
        pours = [session.root.children[name].pour(MANY, ITEM_BYTES) for name in wells]
        for pour in pours:
            await anext(await stack.enter_async_context(aclosing(pour)))
        for well in wells.values():
            await stalled(well, 1, session)
        for pour in pours:
            assert [item async for item in pour] == [numbered(number, ITEM_BYTES) for number in range(1, MANY)]


async def test_empty_items_are_bounded_too():
    well = Well()
    async with in_memory(well) as session, aclosing(session.root.well.pour(10**5, 0)) as items:
        await anext(items)
        await until(lambda: well.poured > 1000)
        before = -1
        while before != well.poured:
            before = well.poured
            assert await session.root.bell.ping() == "pong"
        assert well.poured <= WINDOW_BYTES // 64


async def test_leaving_the_items_that_are_held_back_ends_the_drivers_method_and_its_turn():
    well = Well()
    async with in_memory(well) as session:
        async with aclosing(session.root.well.pour(MANY, ITEM_BYTES)) as items:
            await anext(items)
            await stalled(well, 1, session)
            assert not well.closed.is_set()
        async with asyncio.timeout(240):
            await well.closed.wait()
            assert await session.root.well.ping() == "pong"


async def test_an_item_that_is_larger_than_a_frame_ends_its_call_with_a_sentence_and_nothing_else():
    async with in_memory(Well()) as session:
        with pytest.raises(errors.CallRefused, match=f"more than {FRAME_BYTES} bytes.*byte stream"):
            [item async for item in session.root.well.pour(1, FRAME_BYTES)]
        (largest,) = [item async for item in session.root.well.pour(1, FRAME_BYTES - 2)]
        assert largest == numbered(0, FRAME_BYTES - 2)


async def test_a_client_of_before_that_does_not_tell_what_it_takes_gets_everything():
    async with hosted(well=Well()) as host, linked(host) as link:
        stream = await link.open(0)
        await stream.send(MAGIC + Frames(frames=[Frame(hello=Hello(session="s"))]).SerializeToString())
        payloads = read_payloads(stream)
        _, report = (await anext(payloads)).frames[0].welcome.reports
        arguments = b'{"count": %d, "size_bytes": %d}' % (MANY, ITEM_BYTES)
        call = Call(id=1, driver_uuid=report.uuid, method="pour", arguments=arguments)
        await said(stream, Frame(call=call))
        frames: list[Frame] = []
        while not frames or frames[-1].WhichOneof("kind") != "call_result":
            frames += (await anext(payloads)).frames
            await said(stream, received=len(frames))
        assert len(frames) == MANY + 1


async def test_an_exporter_of_before_is_not_told_what_is_taken():
    ours, theirs = memory_links()
    async with DriverTree({"well": Well()}, scope="bench") as tree:
        serving = asyncio.create_task(_served_as_before(await theirs.open(0), Welcome(reports=tree.reports())))
        async with attach(ours, classes=EVERYTHING) as session:
            assert [len(item) async for item in session.root.well.pour(MANY, ITEM_BYTES)] == [ITEM_BYTES] * MANY
        assert await serving == {"hello", "call", "leave"}


async def _served_as_before(stream: EnvelopeStream, welcome: Welcome) -> set[str | None]:
    """An exporter that knows no CallTaken and does not wait: which kinds of frames it got."""
    payloads, kinds = read_payloads(stream), set()
    while "leave" not in kinds:
        for frame in (await anext(payloads)).frames:
            kinds.add(frame.WhichOneof("kind"))
            if frame.HasField("hello"):
                await stream.send(MAGIC + Frames(frames=[Frame(welcome=welcome)]).SerializeToString())
            if frame.HasField("call"):
                for number in range(MANY):
                    value = b'"%s"' % numbered(number, ITEM_BYTES).encode()
                    await said(stream, Frame(call_item=CallItem(id=1, value=value)))
                await said(stream, Frame(call_result=CallResult(id=1, value=b"null")))
    return kinds


async def said(stream: EnvelopeStream, *frames: Frame, received: int = 0) -> None:
    await stream.send(Frames(frames=frames, received=received).SerializeToString())
