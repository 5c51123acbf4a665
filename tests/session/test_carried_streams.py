"""Byte streams that travel among the session's frames, until they carry more than a little."""

import asyncio
import json
import os

import pytest

from jumplab.driver import errors
from jumplab.protocol.v1.session_pb2 import Call, Frame, Frames, StreamEnvelope
from jumplab.session.channel import FrameChannel
from jumplab.session.client import Reconnecting, attach
from jumplab.session.inline_stream import CARRIED_BYTES
from jumplab.transport.links import ENVELOPE_BYTES, EnvelopeKind, EnvelopeStream, Link
from tests.session.links import EVERYTHING, hosted, linked
from tests.session.pressing import SOON, Press, everything, mirrored
from tests.session.test_resuming import network


async def test_a_small_stream_opens_nothing_and_has_all_that_streams_have() -> None:
    async with hosted(press=Press()) as host, mirrored(host) as (session, link), asyncio.timeout(SOON):
        for _ in range(3):
            async with session.root.press.open("mirror") as stream:
                await stream.send(b"there and ")
                await stream.send(b"back")
                assert await everything(stream, 14) == b"there and back"
                await stream.send_end()
                assert await stream.receive() == b""
                assert json.loads(await stream.result()) == 14
        assert link.opened == [0]


async def test_a_stream_that_carries_more_gets_a_number_and_loses_nothing() -> None:
    data = os.urandom(4 * CARRIED_BYTES)
    async with hosted(press=Press()) as host, mirrored(host) as (session, link), asyncio.timeout(SOON):
        came = b""
        async with session.root.press.open("mirror") as stream:
            for start in range(0, len(data), 1000):
                await stream.send(data[start : start + 1000])
                came += await stream.receive()
            await stream.send_end()
            while more := await stream.receive():
                came += more
            assert json.loads(await stream.result()) == len(data)
        assert came == data
        assert link.opened == [0, link.opened[-1]]
        assert link.opened[-1] > 0


async def test_small_streams_that_are_left_at_once_leave_nothing_in_the_way() -> None:
    async with hosted(press=Press()) as host, mirrored(host) as (session, _), asyncio.timeout(SOON):
        for _ in range(200):
            async with session.root.press.open("mirror") as stream:
                await stream.send(b"x")
        press = session.root.press
        async with press.open("mirror") as stream:  # the exporter goes on as if nothing had been
            await stream.send(b"still")
            assert await stream.receive() == b"still"


async def test_a_small_stream_goes_on_under_a_number_after_its_connection_was_lost() -> None:
    async with (
        network(press=Press()) as net,
        net.attached() as session,
        asyncio.timeout(SOON),
        session.root.press.open("mirror") as stream,
    ):
        await stream.send(b"before ")
        assert await stream.receive() == b"before "
        await net.cut()
        await stream.send(b"after")
        assert await stream.receive() == b"after"
        await stream.send_end()
        assert json.loads(await stream.result()) == len(b"before after")


class HeldLink:
    """A link on which streams with a number are not opened before `go`; `asked` is set when one is to be."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self.asked = asyncio.Event()
        self.go = asyncio.Event()

    async def open(self, number: int, *, bulk: bool = False) -> EnvelopeStream:
        if number:
            self.asked.set()
            await self.go.wait()
        return await self._link.open(number, bulk=bulk)

    async def aclose(self) -> None:
        await self._link.aclose()


async def test_a_connection_that_is_lost_while_a_stream_moves_costs_no_byte() -> None:
    data = os.urandom(3 * CARRIED_BYTES)
    async with network(press=Press()) as net, asyncio.timeout(SOON):
        held = HeldLink(await net.dial())
        again = Reconnecting(net.dial)
        async with (
            attach(held, classes=EVERYTHING, reconnecting=again) as session,
            session.root.press.open("mirror") as stream,
        ):
            await stream.send(data)
            await held.asked.wait()
            await net.cut()
            held.go.set()
            assert await everything(stream, len(data)) == data
            await stream.send_end()
            assert json.loads(await stream.result()) == len(data)


async def test_who_leaves_while_a_stream_moves_lets_go_of_it_at_the_driver() -> None:
    press = Press()
    async with hosted(press=press) as host, linked(host) as link, asyncio.timeout(SOON):
        held = HeldLink(link)
        async with attach(held, classes=EVERYTHING) as session:
            async with session.root.press.open("hold") as stream:
                await press.entered.wait()
                await stream.send(bytes(2 * CARRIED_BYTES))
                await held.asked.wait()
            await press.done.wait()


async def test_a_driver_that_fails_resets_its_small_stream_and_no_other() -> None:
    async with hosted(press=Press()) as host, mirrored(host) as (session, link), asyncio.timeout(SOON):
        async with session.root.press.open("mirror") as other:
            async with session.root.press.open("jam") as stream:
                await stream.send(b"x")
                with pytest.raises(errors.DriverError, match="jammed"):
                    await stream.receive()
            await other.send(b"still")
            assert await other.receive() == b"still"
        assert link.opened == [0]


async def test_the_end_of_the_session_ends_its_small_streams() -> None:
    async with (
        hosted(press=Press()) as host,
        mirrored(host) as (session, _),
        asyncio.timeout(SOON),
        session.root.press.open("mirror") as stream,
    ):
        await host.end("the lease has ended")
        with pytest.raises(errors.SessionEnded, match="the lease has ended"):
            await stream.receive()


async def test_a_small_stream_that_nobody_reads_holds_back_neither_calls_nor_other_streams() -> None:
    press = Press()
    async with (
        hosted(press=press) as host,
        mirrored(host) as (session, _),
        asyncio.timeout(SOON),
        session.root.press.open("mirror") as unread,
        session.root.press.open("mirror") as other,
    ):
        await unread.send(bytes(1 << 20))
        press.allowed.release()
        assert await session.root.press.press() == 1
        await other.send(b"still")
        assert await other.receive() == b"still"


async def test_an_exporter_that_does_not_carry_streams_is_not_asked_to() -> None:
    async with hosted(press=Press()) as host, asyncio.timeout(SOON):
        host._welcome.carries_streams = False
        async with mirrored(host) as (session, link), session.root.press.open("mirror") as stream:
            await stream.send(b"x")
            assert await stream.receive() == b"x"
            assert link.opened[0] == 0
            assert link.opened[1] > 0


class Told:
    """What a channel sends."""

    piece_bytes = ENVELOPE_BYTES

    def __init__(self) -> None:
        self.sent: list[bytes] = []

    async def send(self, payload: bytes, kind: EnvelopeKind = EnvelopeKind.DATA) -> None:
        assert kind is EnvelopeKind.DATA
        self.sent.append(payload)

    async def receive(self) -> tuple[EnvelopeKind, bytes]:
        raise AssertionError("a channel only sends")

    async def aclose(self) -> None: ...


async def test_envelopes_go_before_other_frames_and_no_payload_is_more_than_a_peer_takes() -> None:
    channel, stream = FrameChannel(), Told()
    for number in range(1, 4):
        channel.post(Frame(call=Call(id=number, arguments=bytes(ENVELOPE_BYTES - 1000))))
    for number in range(1, 201):
        channel.post_prompt(Frame(stream_envelope=StreamEnvelope(id=number, payload=bytes(CARRIED_BYTES))))
    sending = asyncio.create_task(channel.run(stream, prefix=b""))
    await asyncio.wait_for(channel.flushed(), SOON)
    sending.cancel()
    await asyncio.wait([sending])
    payloads = [Frames.FromString(payload).frames for payload in stream.sent]
    assert [frame.stream_envelope.id for frames in payloads for frame in frames if frame.stream_envelope.id] == [
        *range(1, 201)
    ]
    assert [[frame.call.id for frame in frames if frame.call.id] for frames in payloads][:3] == [[1], [2], [3]]
