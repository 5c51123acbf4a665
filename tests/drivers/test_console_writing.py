"""Writers of one console: all of them, or the one that has asked to be the only one."""

import asyncio
from contextlib import suppress

import pytest

from jumplab.driver import AsyncDriverClient
from jumplab.drivers.console.errors import ConsoleInUse
from tests.drivers.consoles import SpokenConsole, two_clients


async def test_what_two_clients_write_reaches_the_device_in_the_order_of_its_arrival() -> None:
    console = SpokenConsole()
    async with two_clients(console) as (one, other), one.connect() as first, other.connect() as second:
        await first.send(b"a")
        assert await console.heard(1) == b"a"
        await second.send(b"b")
        assert await console.heard(2) == b"ab"


async def test_beside_an_exclusive_writer_nobody_else_writes_and_everybody_reads() -> None:
    console = SpokenConsole()
    async with (
        two_clients(console) as (one, other),
        other.connect(offset=0) as reader,
        other.connect(offset=0) as intruder,
        one.connect(offset=0, exclusive=True) as owner,
    ):
        await owner.send(b"mine")
        assert await console.heard(4) == b"mine"
        await intruder.send(b"theirs")
        with pytest.raises(ConsoleInUse, match=r"console.attach: another client of this lease has the exclusive right"):
            await intruder.receive()
        console.say(b"for all")
        assert await reader.receive() == await owner.receive() == b"for all"
        assert console.typed == b"mine"


async def test_only_one_can_have_the_exclusive_right_and_it_is_free_when_that_one_leaves() -> None:
    console = SpokenConsole()
    async with two_clients(console) as (one, other):
        async with one.connect(exclusive=True) as owner:
            await owner.send(b"1")
            assert await console.heard(1) == b"1"
            with pytest.raises(ConsoleInUse):
                async with other.connect(exclusive=True) as refused:
                    await refused.receive()
        await written_at_last(console, other)


async def written_at_last(console: SpokenConsole, client: AsyncDriverClient) -> None:
    """The right is free once the exporter has noticed that its owner has gone."""
    async with asyncio.timeout(240):
        while not console.typed.endswith(b"2"):
            with suppress(ConsoleInUse):
                async with client.connect(exclusive=True) as stream:
                    await stream.send(b"2")
                    await stream.send_end()
                    await stream.result()


async def test_a_conversation_that_was_refused_raises_it_once_and_goes_on_when_the_other_has_left() -> None:
    console = SpokenConsole()
    async with two_clients(console) as (one, other):
        console.say(b"first prompt> ")
        async with one.connect(exclusive=True) as owner:
            await owner.send(b"1")
            assert await console.heard(1) == b"1"
            await other.send("refused")
            with pytest.raises(ConsoleInUse):
                await other.expect("nothing like it", timeout=240)
        console.say(b"second prompt> ")
        assert await other.expect("second prompt> ", timeout=240) == "first prompt> second prompt> "
    assert console.typed == b"1"
