"""A console at an RFC 2217 server: what it is asked, and what becomes of what it can't do."""

import asyncio
import termios
from pathlib import Path

import pytest

from jumplab.testing import serve_async
from jumplab_exporter.drivers.console.line import Line
from jumplab_exporter.drivers.console.network import Rfc2217Port
from jumplab_exporter.drivers.console.opening import open_port
from jumplab_exporter.drivers.console.ports import Port
from jumplab_exporter.drivers.console.serial import SerialConsole
from jumplab_exporter.testing import SerialDevice
from tests.drivers.console_servers import (
    DTR_ON,
    LINES,
    PURGE_DATA,
    RESUME,
    RTS_ON,
    SET_BAUDRATE,
    SET_CONTROL,
    SUSPEND,
    Rfc2217Server,
    SocketServer,
)
from tests.drivers.consoles import insist, received
from tests.drivers.ser2net import ser2net

TO_DEVICE, BOTH = b"\x02", b"\x03"


def settings(log: pytest.LogCaptureFixture, url: str) -> list[str]:
    """What the log says of a console, without its URL."""
    found = [record.getMessage() for record in log.records]
    return [message.removeprefix(f"{url}: ") for message in found if url in message]


async def test_the_line_is_set_as_the_configuration_says() -> None:
    async with Rfc2217Server() as server:
        console = SerialConsole(
            url=server.url, baudrate=9600, data_bits=7, parity="even", stop_bits=2, flow_control="hardware"
        )
        async with serve_async(console=console):
            asked = server.commands[:]
    assert asked == [
        (SET_BAUDRATE, (9600).to_bytes(4)),
        (2, b"\x07"),
        (3, b"\x03"),
        (4, b"\x02"),
        (SET_CONTROL, b"\x03"),
        (SET_CONTROL, bytes((DTR_ON,))),
        (SET_CONTROL, bytes((RTS_ON,))),
        (PURGE_DATA, BOTH),
    ]


@pytest.mark.needs("ser2net")
async def test_ser2net_sets_its_terminal_and_so_does_a_terminal_of_ours(tmp_path: Path) -> None:
    async with SerialDevice() as device, SerialDevice() as own:
        with ser2net(device.path, tmp_path, rfc2217=True) as server:
            for url, path in ((server.url, device.path), (own.path, own.path)):
                async with serve_async(
                    console=SerialConsole(url=url, baudrate=57600, stop_bits=2, flow_control="software")
                ):
                    assert set_line(path) == (True, True, termios.B57600)


def set_line(path: str) -> tuple[bool, bool, int]:
    """Of a terminal: whether it has software flow control and two stop bits, and its speed."""
    with open(path, "rb", buffering=0) as terminal:
        received, _, line, _, speed, _, _ = termios.tcgetattr(terminal)
    return bool(received & termios.IXON), bool(line & termios.CSTOPB), speed


async def test_what_the_server_sets_otherwise_is_logged_and_the_console_works(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with (
        Rfc2217Server(answers={SET_BAUDRATE: (9600).to_bytes(4)}) as server,
        serve_async(console=SerialConsole(url=server.url)) as board,
    ):
        await server.say(b"hello")
        await board.console.expect("hello", timeout=60)
    assert "the server sets baudrate to 9600, not to 115200" in settings(caplog, server.url)


@pytest.mark.parametrize("silent", [(), (PURGE_DATA,)], ids=["with", "without"])
async def test_what_was_said_before_the_lease_is_discarded_with_and_without_a_confirmed_purge(
    silent: tuple[int, ...],
) -> None:
    async with (
        Rfc2217Server(silent=silent, before=b"of the lease before") as server,
        serve_async(console=SerialConsole(url=server.url)) as board,
    ):
        await server.say(b"mine")
        assert await board.console.expect("mine", timeout=60) == "mine"


async def test_what_a_server_can_not_do_is_logged_once_however_often_it_is_opened(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with (
        Rfc2217Server(silent=(PURGE_DATA,)) as server,
        serve_async(console=SerialConsole(url=server.url)) as board,
    ):
        server.hang_up()
        async with asyncio.TaskGroup() as tasks:
            insisting = tasks.create_task(insist(server.say, b"again"), name="saying")
            await board.console.expect("again", timeout=60)
            insisting.cancel()
    remarks = [remark for remark in settings(caplog, server.url) if "PURGE-DATA" in remark]
    assert len(remarks) == 1


async def test_a_server_that_refuses_the_option_serves_as_plain_telnet(caplog: pytest.LogCaptureFixture) -> None:
    async with (
        Rfc2217Server(com_port=False, before=b"welcome") as server,
        serve_async(console=SerialConsole(url=server.url)) as board,
        board.console.connect(offset=0) as stream,
    ):
        assert await received(stream, 7) == b"welcome"
        await stream.send(b"root\r")
        await server.until(lambda: server.typed == b"root\r")
    assert server.commands == []
    [remark] = [remark for remark in settings(caplog, server.url) if "COM-PORT-OPTION" in remark]
    assert remark.startswith("the server refuses")


async def test_the_end_of_a_lease_discards_what_the_server_has_not_sent() -> None:
    async with Rfc2217Server() as server:
        async with serve_async(console=SerialConsole(url=server.url)) as board:
            await board.console.send("reboot\n")
            await server.until(lambda: bool(server.typed))
        await server.until(lambda: server.command(PURGE_DATA) == TO_DEVICE)


async def opened(server: SocketServer) -> Port:
    return await open_port(server.url, Line(), lambda _: None)


async def test_nothing_is_typed_while_the_server_suspends_it() -> None:
    async with Rfc2217Server() as server:
        port = await opened(server)
        await server.notify(SUSPEND)
        await server.say(b"!")
        assert await port.read() == b"!"  # and what came before it is known
        typing = asyncio.create_task(port.write(b"late"), name="typing")
        await asyncio.sleep(0)
        assert not typing.done()
        await server.notify(RESUME)
        await server.say(b"?")
        assert await port.read() == b"?"
        await typing
        await server.until(lambda: server.typed == b"late")
        await port.aclose()


async def test_closing_a_port_ends_a_write_that_waits_for_the_server() -> None:
    async with Rfc2217Server() as server:
        port = await opened(server)
        await server.notify(SUSPEND)
        await server.say(b"!")
        await port.read()
        typing = asyncio.create_task(port.write(b"never"), name="typing")
        await asyncio.sleep(0)
        await port.aclose()
        await port.aclose()
        with pytest.raises(ConnectionResetError):
            await typing
        assert server.typed == b""


async def test_closing_a_port_drops_what_a_server_that_reads_nothing_has_not_taken() -> None:
    async with Rfc2217Server() as server:
        port = await opened(server)
        server.stop_reading()
        typing = asyncio.create_task(port.write(b"z" * (32 << 20)), name="typing more than the kernel takes")
        await asyncio.sleep(0)
        assert not typing.done()
        await port.aclose()
        with pytest.raises(ConnectionResetError):
            await typing
        assert server.command(PURGE_DATA) == BOTH  # another would wait behind what it is to purge


async def test_closing_a_port_that_is_read_ends_the_read() -> None:
    async with Rfc2217Server() as server:
        port = await opened(server)
        reading = asyncio.create_task(port.read(), name="reading")
        await asyncio.sleep(0)
        await port.aclose()
        assert await reading == b""


@pytest.mark.parametrize("kind", [SocketServer, Rfc2217Server])
async def test_what_a_server_says_fast_is_taken_in_large_pieces(kind: type[SocketServer]) -> None:
    async with kind() as server:
        port = await opened(server)
        size = 50 * len(LINES)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(say_often(server, 50), name="saying")
            pieces = [await port.read()]
            while sum(map(len, pieces)) < size:
                pieces.append(await port.read())
        await port.aclose()
    assert b"".join(pieces) == LINES * 50
    assert len(pieces) < size / 1000


async def say_often(server: SocketServer, times: int) -> None:
    for _ in range(times):
        await server.say(LINES)


async def test_a_server_that_accepts_and_says_nothing_serves_as_plain_telnet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jumplab_exporter.drivers.console.network._ANSWER_SECONDS", 0.01)
    remarks: list[str] = []
    async with SocketServer() as server:
        port = await Rfc2217Port.open(server.url.replace("socket", "rfc2217"), Line(), remarks.append)
        await server.say(b"hello")
        assert await port.read() == b"hello"
        await port.aclose()
    assert remarks[0].startswith("the server does not answer RFC 2217's COM-PORT-OPTION")
