"""A session outlives its connections: nothing is lost, nothing happens twice."""

import asyncio
import json
from abc import abstractmethod
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from jumplab.driver import ByteStream, Driver, DriverInterface, errors, stream
from jumplab.driver.deadline import deadline
from jumplab.session.client import Reconnecting, Session, attach, attaching
from jumplab.session.host import DriverTree, SessionHost
from jumplab.transport.links import ConnectionLost, Link
from jumplab.transport.memory import MemoryLink, memory_links
from tests.driver.boards import Meter, Slow
from tests.session.links import EVERYTHING


class PressInterface(DriverInterface):
    """A machine that counts what it does."""

    @abstractmethod
    async def press(self) -> int:
        """Presses once, when it is allowed to."""

    @abstractmethod
    def count(self, upto: int) -> AsyncIterator[int]:
        """Counts, a step each time it is allowed to."""

    @abstractmethod
    @stream
    async def mirror(self, stream: ByteStream) -> int:
        """Sends back what comes."""


class Press(PressInterface, Driver):
    def __init__(self) -> None:
        super().__init__()
        self.pressed = 0
        self.entered = asyncio.Event()
        self.done = asyncio.Event()
        self.allowed = asyncio.Semaphore(0)

    async def press(self) -> int:
        self.entered.set()
        await self.allowed.acquire()
        self.pressed += 1
        self.done.set()
        return self.pressed

    async def count(self, upto: int) -> AsyncIterator[int]:
        for number in range(upto):
            yield number
            self.entered.set()
            await self.allowed.acquire()

    async def mirror(self, stream: ByteStream) -> int:
        came = 0
        while data := await stream.receive():
            came += len(data)
            await stream.send(data)
        return came


class Network:
    """Links between a client and a host that a test cuts and forbids."""

    def __init__(self, host: SessionHost) -> None:
        self.host = host
        self.up = asyncio.Event()
        self.up.set()
        self.refused = asyncio.Event()
        self.told: list[str] = []
        self._links: list[MemoryLink] = []
        self._serving: list[asyncio.Task[None]] = []

    async def dial(self) -> Link:
        if not self.up.is_set():
            self.refused.set()
            raise ConnectionLost("the network is down")
        ours, theirs = memory_links()
        self._links += [ours, theirs]
        self._serving.append(asyncio.create_task(self.host.serve(theirs)))
        return ours

    async def cut(self) -> None:
        links, self._links = self._links, []
        for link in links:
            await link.aclose()

    async def close(self) -> None:
        for task in self._serving:
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)

    @asynccontextmanager
    async def attached(self, within: timedelta = timedelta(minutes=1)) -> AsyncIterator[Session]:
        again = Reconnecting(lambda: self.dial(), within, self.told.append)
        async with attach(await self.dial(), classes=EVERYTHING, reconnecting=again) as session:
            yield session


@asynccontextmanager
async def network(epoch: str = "1", **drivers: Driver) -> AsyncIterator[Network]:
    async with DriverTree(drivers, scope="bench") as tree, SessionHost(tree, epoch=epoch) as host:
        net = Network(host)
        try:
            yield net
        finally:
            await net.close()


async def test_a_call_that_was_running_brings_its_result_over_the_next_connection_and_ran_once():
    press = Press()
    async with network(press=press) as net, net.attached() as session:
        call = asyncio.create_task(session.root.press.press())
        await press.entered.wait()
        await net.cut()
        press.allowed.release()
        assert await call == 1
        assert press.pressed == 1
        assert net.told == ["the connection was lost (the other end has let go of the stream) and is back"]


async def test_a_connection_that_stays_away_is_told_of_once_before_it_is_back(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(attaching, "_QUIET_SECONDS", 0.0)
    async with network(meter=Meter()) as net, net.attached() as session:
        net.up.clear()
        await net.cut()
        await net.refused.wait()
        net.up.set()
        await session.root.meter.ping()
    (told,) = net.told
    assert told.endswith("; trying to get another for up to 60 s")


async def test_what_is_called_while_the_connection_is_away_is_done_when_it_is_back():
    press = Press()
    async with network(press=press) as net, net.attached() as session:
        net.up.clear()
        await net.cut()
        call = asyncio.create_task(session.root.press.press())
        press.allowed.release()
        await net.refused.wait()
        assert press.pressed == 0
        net.up.set()
        assert await call == 1


async def test_no_call_of_many_is_lost_or_repeated_however_often_the_connection_is_cut():
    press = Press()
    async with network(press=press) as net, net.attached() as session, asyncio.TaskGroup() as tasks:
        calls = [tasks.create_task(session.root.press.press()) for _ in range(200)]
        for cut in range(20):
            for _ in range(10):
                press.allowed.release()
            await asyncio.wait({calls[cut * 7]}, timeout=0.01)
            await net.cut()
        results = await asyncio.gather(*calls)
        assert sorted(results) == list(range(1, 201))


async def test_items_of_a_streaming_call_come_once_and_in_order():
    press = Press()
    async with network(press=press) as net, net.attached() as session:
        items = []
        async for item in session.root.press.count(40):
            items.append(item)
            if item % 5 == 0:
                await net.cut()
            press.allowed.release()
        assert items == list(range(40))


async def test_a_byte_stream_goes_on_at_the_byte_where_it_stopped():
    block = bytes(range(256)) * 3000
    async with network(press=Press()) as net, net.attached() as session, session.root.press.open("mirror") as mirror:

        async def send() -> None:
            for start in range(0, len(block), 10_007):
                await mirror.send(block[start : start + 10_007])
            await mirror.send_end()

        sending = asyncio.create_task(send())
        received = bytearray()
        cuts = 0
        while data := await mirror.receive():
            received += data
            if len(received) > (cuts + 1) * 60_000:
                cuts += 1
                await net.cut()
        await sending
        assert received == block
        assert cuts > 5
        assert json.loads(await mirror.result()) == len(block)


async def test_a_byte_stream_survives_connections_that_are_lost_before_it_is_back_on_them():
    async with network(press=Press()) as net, net.attached() as session, session.root.press.open("mirror") as mirror:
        for number in range(30):
            await mirror.send(b"%d," % number)
            for steps in range(number):
                await asyncio.sleep(0)
                if steps % 7 == 6:
                    await net.cut()
        await mirror.send_end()
        received = b""
        while data := await mirror.receive():
            received += data
        assert received == b"".join(b"%d," % number for number in range(30))


async def mirrored(session: Session, said: bytes) -> bytes:
    """What comes back of a byte stream, opened for this alone."""
    async with session.root.press.open("mirror") as mirror:
        await mirror.send(said)
        await mirror.send_end()
        received = b""
        while data := await mirror.receive():
            received += data
        assert json.loads(await mirror.result()) == len(said)
    return received


async def test_a_byte_stream_is_opened_whenever_the_connection_is_lost_meanwhile():
    async with network(press=Press()) as net, net.attached() as session:
        for steps in range(60):
            mirroring = asyncio.create_task(mirrored(session, b"%d" % steps))
            for _ in range(steps):
                await asyncio.sleep(0)
            await net.cut()
            assert await asyncio.wait_for(mirroring, 30) == b"%d" % steps


async def test_what_is_begun_while_the_connection_is_away_goes_out_in_the_order_of_its_numbers():
    press = Press()
    async with network(press=press) as net, net.attached() as session:
        net.up.clear()
        await net.cut()
        await net.refused.wait()
        mirroring = asyncio.create_task(mirrored(session, b"a stream"))
        await asyncio.sleep(0)
        pressing = asyncio.create_task(session.root.press.press())
        await asyncio.sleep(0)
        press.allowed.release()
        net.up.set()
        assert await asyncio.wait_for(pressing, 30) == 1
        assert await asyncio.wait_for(mirroring, 30) == b"a stream"


async def test_who_waits_for_room_hears_that_the_session_is_over():
    async with network(press=Press()) as net, net.attached() as session:
        net.up.clear()
        await net.cut()
        await net.refused.wait()
        session.channel._writable.clear()
        pressing = asyncio.create_task(session.root.press.press())
        await asyncio.sleep(0)
        session.end(errors.SessionEnded("the lease is over"))
        with pytest.raises(errors.SessionEnded, match="the lease is over"):
            await asyncio.wait_for(pressing, 30)


async def test_cancelling_a_wait_leaves_the_stream_usable():
    async with network(meter=Meter()) as net, net.attached() as session, session.root.meter.open("raw") as stream:
        waiting = asyncio.create_task(stream.receive())
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait([waiting])
        await stream.send(b"still here")
        assert await stream.receive() == b"still here"


async def test_where_the_exporters_process_was_replaced_what_ran_is_lost_and_not_repeated():
    first, second = Press(), Press()
    async with network("1", press=first) as old, network("2", press=second) as new, old.attached() as session:
        call = asyncio.create_task(session.root.press.press())
        await first.entered.wait()
        old.host = new.host
        await old.cut()
        with pytest.raises(errors.SessionLost, match="outcome|unknown"):
            await call
        second.allowed.release()
        assert await session.root.press.press() == 1
        assert session.epoch == "2"


async def test_a_session_that_ended_meanwhile_says_so_when_the_connection_is_back():
    press = Press()
    async with network(press=press) as net, net.attached() as session:
        net.up.clear()
        await net.cut()
        call = asyncio.create_task(session.root.press.press())
        ending = asyncio.create_task(net.host.end("the lease has expired"))
        net.up.set()
        with pytest.raises(errors.SessionEnded, match="the lease has expired"):
            await call
        await ending


async def test_a_dial_that_is_refused_for_good_ends_the_session():
    async with network(slow=Slow()) as net, net.attached() as session:

        async def refuse() -> Link:
            raise errors.SessionEnded("lease demo was released")

        net.dial = refuse  # type: ignore[method-assign] # the network's answer from now on
        call = asyncio.create_task(session.root.slow.wait())
        await net.cut()
        with pytest.raises(errors.SessionEnded):
            await call
        assert session.ended.done()


async def test_what_does_not_come_back_in_time_is_lost():
    async with network(slow=Slow()) as net, net.attached(timedelta(milliseconds=50)) as session:
        net.up.clear()
        call = asyncio.create_task(session.root.slow.wait())
        await net.cut()
        with pytest.raises(errors.SessionLost, match="did not come back"):
            await call


async def test_a_client_that_is_gone_leaves_what_it_started_running():
    press = Press()
    async with network(press=press) as net:
        attaching = net.attached(timedelta(0))
        session = await attaching.__aenter__()
        call = asyncio.create_task(session.root.press.press())
        await press.entered.wait()
        net.up.clear()
        await net.cut()
        with pytest.raises(errors.SessionLost):
            await call
        press.allowed.release()
        await press.done.wait()
        await attaching.__aexit__(None, None, None)


async def test_a_deadline_travels_to_the_driver():
    slow = Slow()
    async with network(slow=slow) as net, net.attached() as session:
        with deadline(0.05), pytest.raises(errors.CallTimedOut):
            await session.root.slow.wait()
        assert slow.cancelled.is_set()


async def test_who_is_sent_away_does_not_come_back_and_who_comes_later_is_served():
    press = Press()
    async with network(press=press) as net, net.attached() as session:
        call = asyncio.create_task(session.root.press.press())
        await press.entered.wait()
        net.host.dismiss("it belongs to another now")
        with pytest.raises(errors.DriverError, match="cancelled|another"):
            await call
        assert isinstance(await session.ended, errors.SessionEnded)
        assert press.pressed == 0
        async with net.attached() as other:
            press.allowed.release()
            assert await other.root.press.press() == 1


async def test_a_client_that_vanished_is_sent_away_too():
    press = Press()
    async with network(press=press) as net, net.attached() as session:
        call = asyncio.create_task(session.root.press.press())
        await press.entered.wait()
        net.up.clear()
        await net.cut()
        await net.refused.wait()
        net.host.dismiss("it belongs to another now")
        net.up.set()
        with pytest.raises(errors.DriverError):
            await call
        assert press.pressed == 0
