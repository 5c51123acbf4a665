"""Readers of one console: each has its place, none holds another back, and what was dropped is told."""

import asyncio
import json

import pytest

from jumplab.driver import errors
from jumplab.drivers.console import Gap
from jumplab.drivers.console.errors import ConsoleGap
from jumplab.drivers.console.stream import gap_marker
from jumplab.session.client import attach
from jumplab.session.inline_stream import CARRIED_BYTES
from jumplab.testing import serve, serve_async
from jumplab.transport.links import EnvelopeStream, Link
from tests.drivers.consoles import SpokenConsole, on_a_cable, received, two_clients
from tests.session.links import EVERYTHING, hosted, linked

SOON = 40
"""Seconds; a bound that only a hang reaches."""

KEPT = 128 << 10  # 64 KiB of full blocks, and the one that is being filled


async def test_readers_begin_where_they_ask_to_and_know_their_place() -> None:
    console = SpokenConsole()
    async with serve_async(console=console) as board:
        console.say(b"0123456789")
        async with (
            board.console.connect(offset=4) as from_4,
            board.console.connect(offset=-2) as last_2,
            board.console.connect() as from_now,
        ):
            assert (from_4.offset, last_2.offset, from_now.offset) == (4, 8, 10)
            assert await received(from_4, 6) == b"456789"
            assert await received(last_2, 2) == b"89"
            console.say(b"!")
            assert await from_now.receive() == b"!"
            assert from_now.offset == 11


async def test_a_reader_goes_on_at_the_byte_where_another_attachment_stopped() -> None:
    console = SpokenConsole()
    async with serve_async(console=console) as board:
        console.say(b"one ")
        async with board.console.connect(offset=0) as stream:
            assert await stream.receive() == b"one "
        console.say(b"two")
        async with board.console.connect(offset=stream.offset) as stream:
            assert await stream.receive() == b"two"


async def test_the_state_says_what_is_kept() -> None:
    console = SpokenConsole()
    async with serve_async(console=console) as board:
        console.say(b"x" * (KEPT + 10))
        state = await board.console.state()
    assert state.end_offset == KEPT + 10
    assert state.dropped_bytes == state.start_offset
    assert state.end_offset - state.start_offset >= 64 << 10


async def test_what_was_dropped_raises_once_and_the_next_read_goes_on_behind_it() -> None:
    console = SpokenConsole()
    async with serve_async(console=console) as board:
        console.say(b"x" * (1 << 20))
        async with board.console.connect(offset=100) as stream:
            with pytest.raises(ConsoleGap, match=r"console: \d+ bytes from offset 100 on were dropped") as told:
                await stream.receive()
            gap = told.value.gap
            assert stream.offset == gap.end_offset == gap.offset + gap.size_bytes
            rest = await received(stream, (1 << 20) - gap.end_offset)
            assert rest == b"x" * len(rest)
            assert stream.offset == 1 << 20


async def test_what_is_typed_around_a_gap_reaches_the_device_once_and_in_order() -> None:
    console = SpokenConsole()
    async with serve_async(console=console) as board:
        console.say(b"x" * (1 << 20))
        async with board.console.connect(offset=0, mark_gaps=True) as stream:
            await stream.send(b"before ")
            assert "bytes of console output were dropped" in (await stream.receive()).decode()
            await stream.send(b"after")
            console.say(b"$")
            while not (await stream.receive()).endswith(b"$"):
                pass
            await stream.send_end()
            await stream.result()
    assert console.typed == b"before after"


async def test_expect_has_a_line_in_its_text_where_something_was_dropped() -> None:
    console = SpokenConsole()
    async with serve_async(console=console) as board:
        console.say(b"x" * (1 << 20) + b"login: ")
        said = await board.console.expect("login: ", timeout=240)
    dropped = console_gap_of(said)
    assert said == gap_marker(dropped) + "x" * ((1 << 20) - dropped) + "login: "


def console_gap_of(said: str) -> int:
    return int(said.strip("\r\n[… ").split()[0])


async def test_a_reader_that_does_not_read_holds_nobody_back_and_is_told_what_it_missed() -> None:
    console = SpokenConsole()
    block, count = b"x" * (1 << 14), 512
    size = len(block) * count
    async with two_clients(console) as (slow, fast), slow.connect(offset=0) as idle, fast.connect(offset=0) as busy:
        for _ in range(count):
            console.say(block)
            assert await received(busy, len(block)) == block
        read, missed = 0, []
        while idle.offset < size:
            try:
                read += len(await idle.receive())
            except ConsoleGap as gap:
                missed.append(gap.gap)
    assert missed
    assert read + sum(gap.size_bytes for gap in missed) == size


async def test_a_device_on_a_cable_is_read_while_nobody_reads_the_client_s_stream() -> None:
    async with on_a_cable() as (device, board), board.console.connect(offset=0):
        size = 0
        for _ in range(1024):
            size += 4096
            await device.send(b"y" * 4096)
        async with asyncio.timeout(240):
            while (await board.console.state()).end_offset < size:
                pass


async def test_the_disk_keeps_what_the_memory_does_not() -> None:
    console = SpokenConsole(disk_mib=2)
    async with serve_async(console=console) as board:
        console.say(b"".join(b"%07d\n" % line for line in range(1 << 17)))
        said = await board.console.expect("0131071\n", timeout=240)
        assert (await board.console.state()).dropped_bytes == 0
    assert said.startswith("0000000\n")
    assert said.count("\n") == 1 << 17


def test_plain_code_has_the_offset_the_state_and_the_gap_too() -> None:
    console = SpokenConsole()
    with serve(console=console) as board:
        with board.console.connect(offset=0) as stream:
            stream.send(b"typed")
            assert stream.offset == 0
        assert board.console.state().end_offset == 0


async def test_the_raw_stream_ends_at_a_gap_which_is_its_result() -> None:
    console = SpokenConsole()
    async with serve_async(console=console) as board:
        console.say(b"x" * (1 << 20))
        start = (await board.console.state()).start_offset
        async with board.console.open("attach", offset=0) as stream:
            assert await stream.receive() == b""
            await stream.send_end()
            assert Gap(0, start) == Gap(**json.loads(await stream.result()))


class CuttableLink:
    """A link whose newest stream can be cut, as a network cuts it."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._newest: EnvelopeStream | None = None
        self.numbered = asyncio.Event()

    async def open(self, number: int, *, bulk: bool = False) -> EnvelopeStream:
        self._newest = await self._link.open(number, bulk=bulk)
        if number > 0:
            self.numbered.set()
        return self._newest

    async def aclose(self) -> None:
        await self._link.aclose()

    async def cut(self) -> None:
        assert self._newest is not None
        await self._newest.aclose()


async def test_a_stream_that_is_cut_goes_on_at_the_byte_where_it_stopped() -> None:
    console, one = SpokenConsole(), b"one " * (CARRIED_BYTES // 4 + 1)  # so much that it gets a stream of the link
    async with hosted(console=console) as host, linked(host) as whole:
        link = CuttableLink(whole)
        async with (
            attach(link, classes=EVERYTHING) as session,
            session.root.console.connect(offset=0) as stream,
        ):
            console.say(one)
            assert await received(stream, len(one)) == one
            await asyncio.wait_for(link.numbered.wait(), SOON)
            console.say(b"two ")
            await link.cut()
            assert await received(stream, 4) == b"two "
            await link.cut()
            await stream.send(b"once")
            console.say(b"three")
            assert await received(stream, 5) == b"three"
            assert await console.heard(4) == b"once"


async def test_a_stream_of_a_session_that_is_over_says_so() -> None:
    console = SpokenConsole()
    async with two_clients(console) as (one, _):
        async with one.connect(offset=0) as stream:
            pass
        with pytest.raises(errors.StreamReset, match="connect again"):
            await stream.receive()
    with pytest.raises(errors.DriverError):
        async with one.connect(offset=0):
            pass
