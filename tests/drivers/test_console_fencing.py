"""Two leases of one device: neither sees a byte of the other's, and what is not sent at the end never is."""

import asyncio
import os
import socket
import tty
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from jumplab.driver import ResultStream, errors
from jumplab.testing import serve_async
from jumplab_exporter.drivers.console.ports import TerminalPort
from jumplab_exporter.drivers.console.serial import SerialConsole

LOTS = b"z" * (1 << 20)
LINE_BYTES = 4096  # what has arrived at the other end of a terminal, where no flush reaches (N_TTY_BUF_SIZE)


class Cable:
    """A terminal whose other end, the device's, is in the test's hands: `own` for the device, `path` for the host."""

    def __init__(self) -> None:
        self.own, self._cable = os.openpty()
        tty.setraw(self._cable)
        os.set_blocking(self.own, False)
        self.path = os.ttyname(self._cable)

    def close(self) -> None:
        os.close(self.own)
        os.close(self._cable)

    def say(self, data: bytes) -> None:
        """As much of it as the line holds."""
        try:
            while data:
                data = data[os.write(self.own, data) :]
        except BlockingIOError:
            return

    def arrived(self) -> bytes:
        """What has reached the device by now and was not taken yet."""
        data = b""
        try:
            while more := os.read(self.own, 1 << 16):
                data += more
        except BlockingIOError:
            pass
        return data


@pytest.fixture
def cable() -> Iterator[Cable]:
    cable = Cable()
    yield cable
    cable.close()


def console_on(cable: Cable) -> SerialConsole:
    return SerialConsole(url=cable.path)


async def said_to_the_next(cable: Cable) -> str:
    """All that the next holder sees, up to a first byte of its own."""
    async with serve_async(console=console_on(cable)) as board:
        cable.say(b"|mine")
        return str(await board.console.expect("mine", timeout=240))


@pytest.mark.parametrize("size", [10, 4095, 1 << 20], ids=["a few bytes", "a full line", "all that the kernel takes"])
async def test_what_the_device_said_between_two_leases_is_not_seen_by_the_next_holder(cable: Cable, size: int) -> None:
    cable.say(b"s" * size)
    assert await said_to_the_next(cable) == "|mine"


async def test_what_the_device_answers_at_the_end_of_a_lease_is_not_seen_by_the_next_holder(cable: Cable) -> None:
    async with serve_async(console=console_on(cable)) as board:
        await board.console.send("secret?\n")
        cable.say(b"the secret of the first")
        await board.console.expect("secret", timeout=240)
    cable.say(b", which goes on")
    assert await said_to_the_next(cable) == "|mine"


async def test_what_is_queued_at_the_end_of_a_lease_never_reaches_the_device(cable: Cable) -> None:
    async with serve_async(console=console_on(cable)) as board, board.console.connect() as stream:
        typing = asyncio.create_task(type_for_ever(stream), name="typing")
        await queued(cable)
    typing.cancel()
    await asyncio.wait([typing])
    assert len(cable.arrived()) <= LINE_BYTES
    async with serve_async(console=console_on(cable)) as board:
        await board.console.send("new")
        assert await next_arrival(cable) == b"new"


async def test_closing_a_port_discards_what_it_has_not_sent(cable: Cable) -> None:
    cable_end = os.open(cable.path, os.O_RDWR | os.O_NOCTTY)
    port = TerminalPort(cable_end)
    writing = asyncio.create_task(port.write(LOTS), name="more than the line takes")
    await queued(cable)
    await port.aclose()
    await port.aclose()
    await asyncio.wait([writing])
    assert len(cable.arrived()) <= LINE_BYTES
    os.close(cable_end)
    assert cable.arrived() == b""


async def test_a_session_that_ends_while_the_device_takes_nothing_ends_at_once(cable: Cable) -> None:
    async with (
        asyncio.timeout(240),
        serve_async(console=console_on(cable)) as board,
        board.console.connect() as stream,
    ):
        typing = asyncio.create_task(type_for_ever(stream), name="typing")
        await queued(cable)
    typing.cancel()
    await asyncio.wait([typing])


async def test_what_a_console_server_has_not_been_sent_at_the_end_never_is() -> None:
    with ExitStack() as closing:
        server = closing.enter_context(socket.create_server(("127.0.0.1", 0)))
        server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        url = f"socket://127.0.0.1:{server.getsockname()[1]}"
        async with serve_async(console=SerialConsole(url=url)) as board:
            device = closing.enter_context((await asyncio.to_thread(server.accept))[0])
            async with board.console.connect() as stream:
                typing = asyncio.create_task(type_for_ever(stream), name="typing")
                await asyncio.to_thread(device.recv, 1, socket.MSG_PEEK)
        typing.cancel()
        await asyncio.wait([typing])
        with pytest.raises(ConnectionResetError):
            await asyncio.to_thread(drain, device)


def drain(device: socket.socket) -> None:
    while device.recv(1 << 16):
        pass


async def type_for_ever(stream: ResultStream) -> None:
    try:
        while True:
            await stream.send(LOTS)
    except errors.DriverError:
        return


@contextmanager
def readable(descriptor: int) -> Iterator[asyncio.Event]:
    loop, event = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(descriptor, event.set)
    try:
        yield event
    finally:
        loop.remove_reader(descriptor)


async def queued(cable: Cable) -> None:
    """Waits until something has reached the line, which the device does not take."""
    with readable(cable.own) as event:
        async with asyncio.timeout(240):
            await event.wait()


async def next_arrival(cable: Cable) -> bytes:
    await queued(cable)
    return cable.arrived()
