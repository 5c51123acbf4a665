"""The exporter's process is replaced under a console's reader: its next one begins anew, and that is told."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from jumplab.driver import errors
from jumplab.drivers.console.errors import ConsoleRestarted
from jumplab.drivers.console.stream import RESTART_MARKER
from tests.drivers.consoles import SpokenConsole, received
from tests.session.test_resuming import Network, network


@asynccontextmanager
async def two_lives() -> AsyncIterator[tuple[Network, Network, SpokenConsole, SpokenConsole]]:
    """The exporter's process that is there, and the one that will replace it."""
    before, after = SpokenConsole(), SpokenConsole()
    async with network("1", console=before) as old, network("2", console=after) as new:
        yield old, new, before, after


async def test_a_reader_is_told_once_and_goes_on_with_the_first_byte_of_the_next_process() -> None:
    async with two_lives() as (old, new, before, after), old.attached() as session:
        before.say(b"from the process that dies")
        after.say(b"from the next one, which has said more already")
        async with session.root.console.connect(offset=0) as stream:
            assert await received(stream, 26) == b"from the process that dies"
            old.host = new.host
            await old.cut()
            with pytest.raises(ConsoleRestarted, match="the exporter's process was replaced"):
                await stream.receive()
            assert stream.offset == 0
            assert await received(stream, 46) == b"from the next one, which has said more already"
            assert stream.offset == 46


async def test_where_gaps_are_marked_a_line_tells_it() -> None:
    async with two_lives() as (old, new, before, after), old.attached() as session:
        before.say(b"one")
        async with session.root.console.connect(offset=0, mark_gaps=True) as stream:
            assert await received(stream, 3) == b"one"
            old.host = new.host
            await old.cut()
            after.say(b"two")
            assert await received(stream, len(RESTART_MARKER.encode()) + 3) == RESTART_MARKER.encode() + b"two"


async def test_expect_sees_what_the_next_process_heard_first() -> None:
    async with two_lives() as (old, new, before, after), old.attached() as session:
        before.say(b"a long boot of the first one\n=> ")
        await session.root.console.expect("=> ")
        old.host = new.host
        await old.cut()
        after.say(b"U-Boot\n=> ")
        assert await session.root.console.expect("=> ") == f"{RESTART_MARKER}U-Boot\n=> "


async def test_who_only_types_loses_no_byte_of_the_next_process_either() -> None:
    async with two_lives() as (old, new, before, after), old.attached() as session:
        before.say(b"x" * 100)
        async with session.root.console.connect(mark_gaps=True) as stream:
            await stream.send(b"typed")
            await before.heard(5)
            old.host = new.host
            await old.cut()
            after.say(b"said early")
            with suppress(errors.SessionLost):
                while session.root.console.epoch == "1":
                    await stream.send(b"lost")
            await stream.send(b"again")
            await after.heard(5)
            assert await received(stream, len(RESTART_MARKER.encode()) + 10) == RESTART_MARKER.encode() + b"said early"
