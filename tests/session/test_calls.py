"""Calls, streaming calls and byte streams, from end to end."""

import asyncio
import json

import pytest

from jumplab.driver import errors
from jumplab.protocol.v1.common_pb2 import EXPORTER_STATUS_AFTER_LEASE_HOOK, EXPORTER_STATUS_LEASE_READY
from jumplab.protocol.v1.session_pb2 import Call, Frame, Frames, Hello
from jumplab.session.frames import MAGIC, read_payloads
from jumplab.session.host import dispatch
from tests.driver.boards import Blocking, Broken, Meter, Reading, Slow
from tests.exporter.waiting import until
from tests.session.links import attached, hosted, linked


async def test_a_call_brings_back_what_the_driver_returned():
    async with hosted(meter=Meter(offset_volts=0.5)) as host, attached(host) as session:
        assert await session.root.meter.read(2, label="x") == Reading(volts=2.5, at=Meter.taken_at)
        assert await session.root.meter.volts(1) == 1.5
        assert await session.root.meter.blob(b"\x00\xff") == b"\xff\x00"
        assert await session.root.meter.ping() == "pong"


async def test_a_streaming_call_brings_its_items_in_order():
    async with hosted(meter=Meter()) as host, attached(host) as session:
        assert [item async for item in session.root.meter.watch(500)] == list(range(500))


async def test_a_byte_stream_carries_bytes_both_ways_to_its_end_and_then_its_result():
    async with (
        hosted(meter=Meter()) as host,
        attached(host) as session,
        session.root.meter.open("raw", repeat=2) as stream,
    ):
        await stream.send(b"ab")
        received = await stream.receive()
        await stream.send_end()
        while data := await stream.receive():
            received += data
        assert received == b"abab"
        assert json.loads(await stream.result()) == 2


async def test_a_large_block_arrives_whole():
    block = bytes(range(256)) * 8192
    async with (
        hosted(meter=Meter()) as host,
        attached(host) as session,
        session.root.meter.open("raw") as stream,
        asyncio.TaskGroup() as tasks,
    ):
        tasks.create_task(stream.send(block))
        received = bytearray()
        while len(received) < len(block):
            received += await stream.receive()
        assert received == block


async def test_a_plain_function_runs_in_a_thread_and_so_do_its_items():
    async with hosted(device=Blocking()) as host, attached(host) as session:
        assert (await session.root.device.thread()).startswith("driver")
        assert [item async for item in session.root.device.numbers()] == [1, 2, 3]


async def test_an_exclusive_driver_is_entered_by_one_call_at_a_time():
    device = Blocking()
    async with hosted(device=device) as host, attached(host) as session, asyncio.TaskGroup() as tasks:
        for _ in range(3):
            tasks.create_task(session.root.device.hold())
        device.release.set()
    assert device.most_inside == 1


async def test_a_cancelled_call_is_cancelled_at_the_driver():
    slow = Slow()
    async with hosted(slow=slow) as host, attached(host) as session:
        call = asyncio.create_task(session.root.slow.wait())
        await slow.entered.wait()
        call.cancel()
        await slow.cancelled.wait()
        with pytest.raises(asyncio.CancelledError):
            await call


async def test_a_client_that_goes_takes_its_calls_along_and_nobody_elses():
    leaving, staying = Slow(), Slow()
    async with hosted(leaving=leaving, staying=staying) as host, attached(host) as other:
        kept = asyncio.create_task(other.root.staying.wait())
        async with attached(host) as session:
            call = asyncio.create_task(session.root.leaving.wait())
            await leaving.entered.wait()
        await leaving.cancelled.wait()
        with pytest.raises(errors.SessionEnded):
            await call
        await staying.entered.wait()
        assert not staying.cancelled.is_set()
        kept.cancel()
        await asyncio.wait([kept])


@pytest.mark.parametrize(
    ("kind", "meaning", "built_in"),
    [
        ("KeyError", errors.CallFailed, Exception),
        ("TimeoutError", errors.CallTimedOut, TimeoutError),
        ("ValueError", errors.CallRefused, ValueError),
        ("OSError", errors.CallBroken, OSError),
    ],
)
async def test_what_a_driver_raises_reaches_the_caller_with_its_type_and_message(kind, meaning, built_in):
    async with hosted(device=Blocking()) as host, attached(host) as session:
        with pytest.raises(meaning, match="device.fail: .*no such thing") as raised:
            await session.root.device.call("fail", kind)
        assert isinstance(raised.value, built_in)
        assert raised.value.type == kind


async def test_wrong_arguments_move_nothing():
    async with hosted(meter=Meter()) as host, attached(host) as session:
        with pytest.raises(errors.BadArguments, match="read: channel"):
            await session.call(session.root.meter._node.uuid, "read", b'{"channel": "one"}')


async def test_what_is_not_exported_is_not_called():
    async with hosted(meter=Meter()) as host, attached(host) as session:
        uuid = session.root.meter._node.uuid
        for name in ("make_children", "__aexit__", "explode"):
            with pytest.raises(errors.NotExported, match=f'"meter" exports no "{name}"'):
                await session.call(uuid, name, b"{}")
        with pytest.raises(errors.NotExported, match="no driver with the uuid"):
            await session.call("nobody", "read", b"{}")
        with pytest.raises(AttributeError, match='driver "meter" has no "explode"'):
            session.root.meter.explode  # noqa: B018 - looking is the test


async def test_a_driver_that_does_not_start_is_told_and_the_others_serve():
    async with hosted(broken=Broken(), meter=Meter()) as host, attached(host) as session:
        with pytest.raises(errors.DriverFailed, match='"broken" did not start: no device at /dev/ttyUSB9'):
            await session.root.broken.wait()
        assert await session.root.meter.ping() == "pong"


async def test_a_driver_in_two_places_is_one_driver():
    device = Blocking()
    async with hosted(device=device, alias=device) as host, attached(host) as session:
        async with asyncio.TaskGroup() as tasks:
            for driver in (session.root.device, session.root.alias):
                tasks.create_task(driver.hold())
            device.release.set()
        assert device.most_inside == 1


async def test_a_driver_is_set_up_once_after_what_it_is_a_part_of():
    entered: list[str] = []

    class Part(Meter):
        async def __aenter__(self):
            entered.append("part")
            return await super().__aenter__()

    class Whole(Meter):
        def make_children(self):
            return {"part": Part()}

        async def __aenter__(self):
            entered.append("whole")
            return await super().__aenter__()

    whole = Whole()
    async with hosted(alias=whole.children["part"], whole=whole):
        assert entered == ["whole", "part"]


async def test_a_byte_stream_that_is_refused_says_why_when_it_is_opened():
    async with hosted(broken=Broken(), meter=Meter()) as host, attached(host) as session:
        with pytest.raises(errors.BadArguments):
            async with session.root.meter.open("raw", repeat="often"):
                pass
        with pytest.raises(errors.BadArguments, match="it is opened, not called"):
            await session.call(session.root.meter._node.uuid, "raw", b"{}")


async def test_leaving_a_byte_stream_early_cancels_its_method():
    async with hosted(meter=Meter(), slow=Slow()) as host, attached(host) as session:
        async with session.root.meter.open("raw") as stream:
            await stream.send(b"x")
        assert await session.root.meter.ping() == "pong"


async def test_the_end_of_the_session_reaches_calls_and_streams_with_its_reason():
    slow = Slow()
    async with hosted(slow=slow, meter=Meter()) as host, attached(host) as session:
        call = asyncio.create_task(session.root.slow.wait())
        await slow.entered.wait()
        async with session.root.meter.open("raw") as stream:
            await host.end("the lease has ended")
            with pytest.raises(errors.SessionEnded, match="the lease has ended"):
                await stream.receive()
        with pytest.raises((errors.SessionEnded, errors.CallCancelled)):
            await call
        await session.ended
        with pytest.raises(errors.SessionEnded, match="the lease has ended"):
            await session.root.meter.ping()


async def test_who_attaches_after_the_end_is_told_so():
    async with hosted(meter=Meter()) as host:
        await host.end("the lease has ended")
        with pytest.raises(errors.SessionEnded, match="the lease has ended"):
            async with attached(host):
                pass


async def test_what_was_logged_before_reaches_who_attaches_later():
    meter = Meter()
    async with hosted(meter=meter) as host:
        meter.log.warning("the fuse is warm")
        host.send_log_line("beforeLease: ready")
        async with attached(host) as session:
            heard: asyncio.Queue[str] = asyncio.Queue()
            session.on_log = lambda line: heard.put_nowait(line.message)
            assert [await heard.get(), await heard.get()] == ["the fuse is warm", "beforeLease: ready"]


async def test_what_drivers_log_reaches_every_attached_client():
    meter = Meter()
    async with hosted(meter=meter) as host, attached(host) as one, attached(host) as other:
        heard: asyncio.Queue[str] = asyncio.Queue()
        one.on_log = other.on_log = lambda line: heard.put_nowait(line.message)
        meter.log.warning("the fuse is warm")
        assert [await heard.get(), await heard.get()] == ["the fuse is warm"] * 2


async def test_a_client_that_did_not_read_is_told_what_it_lost_once_it_reads_though_nothing_more_is_said():
    async with hosted(meter=Meter()) as host, linked(host) as link:
        stream = await link.open(0)
        await stream.send(MAGIC + Frames(frames=[Frame(hello=Hello(session="s"))]).SerializeToString())
        payloads = read_payloads(stream)
        await anext(payloads)
        for _ in range(40):
            host.send_log_line("x" * (1 << 20))
        host.set_status(EXPORTER_STATUS_LEASE_READY, "first")
        host.set_status(EXPORTER_STATUS_AFTER_LEASE_HOOK, "cleaning up")
        heard: list[Frame] = []
        async with asyncio.timeout(240):
            while not heard or not heard[-1].HasField("status_change"):
                heard += (await anext(payloads)).frames
                await stream.send(Frames(received=len(heard)).SerializeToString())
        lines, lost, status = heard[:-2], heard[-2].log_line.message, heard[-1].status_change
        assert lost == f"{40 - len(lines)} lines were lost"
        assert (status.status, status.message) == (EXPORTER_STATUS_AFTER_LEASE_HOOK, "cleaning up")


async def test_the_exporters_status_reaches_who_attaches_later_too():
    async with hosted(meter=Meter()) as host:
        host.set_status(EXPORTER_STATUS_LEASE_READY, "ready")
        async with attached(host) as session:
            heard: asyncio.Queue[str] = asyncio.Queue()
            session.on_status = lambda change: heard.put_nowait(change.message)
            async with asyncio.timeout(240):
                assert await heard.get() == "ready"
                host.set_status(EXPORTER_STATUS_AFTER_LEASE_HOOK, "cleaning up")
                assert await heard.get() == "cleaning up"


async def test_a_call_that_is_cancelled_while_it_waits_for_a_thread_never_begins(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(dispatch, "_THREADS", 1)
    slow, waiting = Blocking(), Blocking()
    async with hosted(slow=slow, waiting=waiting, meter=Meter()) as host, attached(host) as session:
        first = asyncio.create_task(session.root.slow.hold())
        await until(lambda: slow.inside)
        second = asyncio.create_task(session.root.waiting.hold())
        await session.root.meter.ping()  # what was asked before has arrived
        second.cancel()
        await asyncio.gather(second, return_exceptions=True)
        await session.root.meter.ping()
        slow.release.set()
        waiting.release.set()
        await first
        await session.root.slow.thread()  # the one thread has come to what was asked after
    assert waiting.most_inside == 0


async def test_a_call_that_comes_after_the_end_never_begins():
    slow = Slow()
    async with hosted(slow=slow) as host:
        async with attached(host) as session:
            uuid = session.root.slow._node.uuid
        await host.end("the lease has ended")
        async with linked(host) as link:
            stream = await link.open(0)
            await stream.send(MAGIC + Frames(frames=[Frame(hello=Hello(session="s"))]).SerializeToString())
            call = Call(id=1, driver_uuid=uuid, method="wait", arguments=b"{}")
            await stream.send(Frames(frames=[Frame(call=call)]).SerializeToString())
            payloads = read_payloads(stream)
            assert (await anext(payloads)).frames[0].goodbye.reason == "the lease has ended"
    assert not slow.entered.is_set()
