"""Each kind of URL that a serial console takes: opened, read, written and closed, on real terminals and servers."""

import re
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from serial.tools import list_ports, list_ports_common

from jumplab.driver import errors
from jumplab.testing import serve_async
from jumplab_exporter.drivers.console.serial import SerialConsole
from jumplab_exporter.testing import SerialDevice
from tests.drivers.console_servers import PURGE_DATA, Rfc2217Server, SocketServer
from tests.drivers.consoles import received
from tests.drivers.ser2net import Ser2net, ser2net

EVERY_BYTE = bytes(range(256)) + b"\r\n\r\0\xff\xff\xff"


class Device(ABC):
    """What is at the other end of a console."""

    url: str

    @abstractmethod
    async def say(self, data: bytes) -> None: ...

    @abstractmethod
    async def heard(self, size: int) -> bytes: ...

    async def released(self) -> None:
        """Waits until the console may be opened again, after a lease."""
        return


class OnATerminal(Device):
    """A device on a real terminal, by an URL that leads to it."""

    def __init__(self, device: SerialDevice, url: str) -> None:
        self._device = device
        self.url = url

    async def say(self, data: bytes) -> None:
        await self._device.send(data)

    async def heard(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            data += await self._device.receive()
        return data


class AtSer2net(OnATerminal):
    def __init__(self, device: SerialDevice, server: Ser2net) -> None:
        super().__init__(device, server.url)
        self._server = server

    async def released(self) -> None:
        await self._server.released()


class AtAServer(Device):
    """A device at a console server of the test's own."""

    def __init__(self, server: SocketServer) -> None:
        self._server = server
        self.url = server.url

    async def say(self, data: bytes) -> None:
        await self._server.say(data)

    async def heard(self, size: int) -> bytes:
        await self._server.until(lambda: len(self._server.typed) >= size)
        heard, self._server.typed = self._server.typed, b""
        return heard


Opened = Callable[[Path, pytest.MonkeyPatch], AbstractAsyncContextManager[Device]]


def by_path(url: str) -> Opened:
    """url: with PATH where the terminal's path belongs."""

    @asynccontextmanager
    async def opened(_: Path, __: pytest.MonkeyPatch) -> AsyncIterator[Device]:
        async with SerialDevice() as device:
            yield OnATerminal(device, url.replace("PATH", device.path))

    return opened


def listed(url: str) -> Opened:
    """A terminal that the machine lists among its serial ports, as it lists no pseudo terminal."""

    @asynccontextmanager
    async def opened(_: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Device]:
        async with SerialDevice() as device:
            port = list_ports_common.ListPortInfo(device.path)
            port.hwid = "USB VID:PID=0403:6001 SER=A50285BI"
            monkeypatch.setattr(list_ports, "comports", lambda include_links=False: [port])
            yield OnATerminal(device, url)

    return opened


def at_server(make: Callable[[], SocketServer]) -> Opened:
    @asynccontextmanager
    async def opened(_: Path, __: pytest.MonkeyPatch) -> AsyncIterator[Device]:
        async with make() as server:
            yield AtAServer(server)

    return opened


def at_ser2net(*, rfc2217: bool) -> Opened:
    @asynccontextmanager
    async def opened(folder: Path, _: pytest.MonkeyPatch) -> AsyncIterator[Device]:
        async with SerialDevice() as device:
            with ser2net(device.path, folder, rfc2217=rfc2217) as server:
                yield AtSer2net(device, server)

    return opened


@pytest.fixture(
    params=[
        pytest.param(by_path("PATH"), id="a device"),
        pytest.param(by_path("spy://PATH"), id="spy"),
        pytest.param(by_path("alt://PATH?class=PosixPollSerial"), id="alt"),
        pytest.param(listed("hwgrep://0403:6001"), id="hwgrep"),
        pytest.param(at_server(SocketServer), id="socket"),
        pytest.param(at_ser2net(rfc2217=False), id="socket to ser2net", marks=pytest.mark.needs("ser2net")),
        pytest.param(at_server(Rfc2217Server), id="rfc2217"),
        pytest.param(at_server(lambda: Rfc2217Server(silent=(PURGE_DATA,))), id="rfc2217 without purge"),
        pytest.param(at_server(lambda: Rfc2217Server(com_port=False)), id="rfc2217 refused"),
        pytest.param(at_ser2net(rfc2217=True), id="rfc2217 to ser2net", marks=pytest.mark.needs("ser2net")),
    ]
)
async def device(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Device]:
    opened: Opened = request.param
    async with opened(tmp_path, monkeypatch) as device:
        yield device


async def test_bytes_of_all_values_pass_both_ways_in_one_lease_after_the_other(device: Device) -> None:
    for _ in range(2):
        async with (
            serve_async(console=SerialConsole(url=device.url)) as board,
            board.console.connect(offset=0) as stream,
        ):
            # First this way: a server on plain TCP accepts before it has opened its device, and that discards.
            await stream.send(EVERY_BYTE)
            assert await device.heard(len(EVERY_BYTE)) == EVERY_BYTE
            await device.say(EVERY_BYTE)
            assert await received(stream, len(EVERY_BYTE)) == EVERY_BYTE
        await device.released()


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("hwgrep://[", "unterminated character set"),
        ("socket://127.0.0.1", "it must read socket://HOST:PORT"),
        ("rfc2217://:7000", "it must read rfc2217://HOST:PORT"),
        ("socket://127.0.0.1:99999", "Port out of range"),
        ("ftp://127.0.0.1", "protocol 'ftp' not known; what works is a device's path, socket://HOST:PORT, rfc2217://"),
    ],
)
async def test_an_url_that_can_not_be_opened_fails_the_driver_in_a_sentence_that_names_it(
    url: str, sentence: str
) -> None:
    with pytest.raises(errors.DriverFailed, match=f"{re.escape(url)} can't be opened: .*({sentence})"):
        async with serve_async(console=SerialConsole(url=url)):
            pass


@pytest.mark.needs("ser2net")
async def test_a_console_server_that_sends_a_second_client_away_is_quoted(tmp_path: Path) -> None:
    async with SerialDevice() as device:
        with ser2net(device.path, tmp_path, rfc2217=True) as server:
            async with serve_async(console=SerialConsole(url=server.url)):
                with pytest.raises(errors.DriverFailed, match='closed the connection; it said ".*already in use'):
                    async with serve_async(console=SerialConsole(url=server.url)):
                        pass


@pytest.mark.parametrize(
    ("setting", "value"),
    [("baudrate", 0), ("baudrate", 2**32), ("data_bits", 9), ("stop_bits", 3), ("parity", "big"), ("flow_control", "")],
)
def test_a_setting_that_no_line_has_is_refused_by_name(setting: str, value: Any) -> None:
    with pytest.raises(errors.ConfigurationInvalid, match=setting):
        SerialConsole(url="loop://", **{setting: value})


async def test_what_pyserial_alone_knows_of_an_url_has_no_effect_and_is_told(caplog: pytest.LogCaptureFixture) -> None:
    async with (
        Rfc2217Server() as server,
        serve_async(console=SerialConsole(url=f"{server.url}?ign_set_control")) as board,
    ):
        await server.say(b"hello")
        await board.console.expect("hello", timeout=60)
    assert '"ign_set_control" of the URL' in caplog.text


async def test_a_loop_says_what_is_typed() -> None:
    async with serve_async(console=SerialConsole(url="loop://")) as board, board.console.connect() as stream:
        await stream.send(EVERY_BYTE)
        assert await received(stream, len(EVERY_BYTE)) == EVERY_BYTE
