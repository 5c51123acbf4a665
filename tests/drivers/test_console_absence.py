"""A console whose device is not there yet: a state of the lease, not the end of its console."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from serial.tools import list_ports, list_ports_common

from jumplab.driver import AsyncDriverClient, errors
from jumplab.session.host import DriverTree
from jumplab.testing import serve_async
from jumplab_exporter.drivers.console.serial import SerialConsole
from jumplab_exporter.drivers.network.tcp import TcpService
from jumplab_exporter.testing import SerialDevice
from tests.drivers.console_servers import Rfc2217Server, SocketServer
from tests.drivers.consoles import insist
from tests.drivers.ser2net import ser2net
from tests.session.links import attached, hosted


@asynccontextmanager
async def plugged_in(path: Path) -> AsyncIterator[SerialDevice]:
    """A device that has said something by the time its path appears; the path goes with it."""
    async with SerialDevice() as device:
        await device.send(b"U-Boot 2026.01\r\n")
        temporary = path.with_name("new")
        temporary.symlink_to(device.path)
        os.rename(temporary, path)
        try:
            yield device
        finally:
            os.unlink(path)


async def typed(board: AsyncDriverClient, text: bytes) -> None:
    async with board.console.connect() as stream:
        await stream.send(text)
        await stream.send_end()
        await stream.result()


async def until_unavailable(board: AsyncDriverClient) -> str:
    async with asyncio.timeout(240):
        while not (sentence := (await board.console.state()).unavailable):  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.01)
    return str(sentence)


@pytest.mark.parametrize("form", ["{}", "spy://{}", "alt://{}?class=PosixPollSerial"])
async def test_a_device_that_comes_and_goes_during_a_lease_is_read_from_its_first_byte_each_time(
    form: str, tmp_path: Path
) -> None:
    path = tmp_path / "ttyUSB0"
    async with serve_async(console=SerialConsole(url=form.format(path))) as board:
        for _ in range(3):
            assert "ttyUSB0" in await until_unavailable(board)
            async with plugged_in(path) as device:
                assert (await board.console.expect("2026.01\r\n", timeout=240)).endswith("U-Boot 2026.01\r\n")
                assert not (await board.console.state()).unavailable
                await typed(board, b"reset\n")
                assert await device.receive() == b"reset\n"


async def test_every_byte_of_a_device_that_comes_is_in_the_console_from_offset_0(tmp_path: Path) -> None:
    path = tmp_path / "ttyUSB0"
    async with serve_async(console=SerialConsole(url=str(path))) as board, plugged_in(path):
        assert await board.console.expect("\n", timeout=240) == "U-Boot 2026.01\r\n"


async def test_it_is_said_once_and_what_is_typed_meanwhile_is_refused(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "ttyUSB0"
    async with serve_async(console=SerialConsole(url=str(path))) as board:
        assert (await board.console.state()).unavailable == f"{path} is not there yet: there is no such device"
        with pytest.raises(errors.CallDisconnected, match=r"is not there yet: .*; the input did not reach the device"):
            await typed(board, b"x")
        with pytest.raises(errors.CallDisconnected, match="is not there yet"):
            await board.console.send_break()
        async with plugged_in(path):
            await board.console.expect("U-Boot", timeout=240)
            # Now, as it is looked for again once it is unplugged.
            told = [record.getMessage() for record in caplog.records if "can't be opened" in record.getMessage()]
    assert told == [f"not there yet: {path} can't be opened: there is no such device; it is opened when it comes"]


async def test_a_client_that_attaches_later_is_told_what_was_said_while_the_drivers_were_set_up(tmp_path: Path) -> None:
    async with hosted(console=SerialConsole(url=str(tmp_path / "ttyUSB0"))) as host, attached(host) as session:
        heard: asyncio.Queue[str] = asyncio.Queue()
        session.on_log = lambda line: heard.put_nowait(session.shown(line))
        assert (await heard.get()).startswith("[console] not there yet: ")


@pytest.mark.parametrize("kind", [SocketServer, Rfc2217Server])
async def test_a_console_server_that_starts_late_is_connected(kind: type[SocketServer]) -> None:
    async with kind() as server:
        await server.vanish()
        async with serve_async(console=SerialConsole(url=server.url)) as board:
            assert "Connection refused" in (await board.console.state()).unavailable
            await server.listen(server.port)
            async with asyncio.TaskGroup() as tasks:
                insisting = tasks.create_task(insist(server.say, b"hello"), name="saying")
                await board.console.expect("hello", timeout=240)
                insisting.cancel()


async def test_what_a_late_server_has_heard_is_read_and_what_an_early_one_has_is_not() -> None:
    async with Rfc2217Server(before=b"from the board's first start\n") as server:
        async with serve_async(console=SerialConsole(url=server.url)) as board:
            await server.say(b"later\n")
            assert await board.console.expect("\n", timeout=240) == "later\n"
        await server.vanish()
        async with serve_async(console=SerialConsole(url=server.url)) as board:
            await server.listen(server.port)
            assert await board.console.expect("\n", timeout=240) == "from the board's first start\n"


@pytest.mark.needs("ser2net")
async def test_a_server_that_has_no_device_yet_serves_once_the_device_is_there(tmp_path: Path) -> None:
    path = tmp_path / "ttyUSB0"
    with ser2net(str(path), tmp_path, rfc2217=True) as server:
        async with serve_async(console=SerialConsole(url=server.url)) as board:
            assert "has closed the connection" in (await board.console.state()).unavailable
            async with plugged_in(path) as device, asyncio.TaskGroup() as tasks:
                insisting = tasks.create_task(insist(device.send, b"hello"), name="saying")
                await board.console.expect("hello", timeout=240)
                insisting.cancel()


@pytest.mark.needs("ser2net")
async def test_a_server_that_connects_without_a_device_is_told_of_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "ttyUSB0"
    with ser2net(str(path), tmp_path, rfc2217=False) as server:
        async with serve_async(console=SerialConsole(url=server.url)) as board:
            for _ in range(3):
                await board.console.expect("evice open failure", timeout=240)
            async with plugged_in(path) as device, asyncio.TaskGroup() as tasks:
                insisting = tasks.create_task(insist(device.send, b"hello"), name="saying")
                await board.console.expect("hello", timeout=240)
                insisting.cancel()
    told = [record.getMessage() for record in caplog.records if "was disconnected" in record.getMessage()]
    assert told == [f"{server.url} was disconnected: it has hung up; it is opened again when it is back"]


async def test_an_adapter_that_is_looked_for_by_its_id_is_found_when_it_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    ports: list[list_ports_common.ListPortInfo] = []
    monkeypatch.setattr(list_ports, "comports", lambda include_links=False: ports)
    async with serve_async(console=SerialConsole(url="hwgrep://0403:6001")) as board, SerialDevice() as device:
        assert "no ports found" in (await board.console.state()).unavailable
        await device.send(b"hello")
        port = list_ports_common.ListPortInfo(device.path)
        port.hwid = "USB VID:PID=0403:6001"
        ports.append(port)
        await board.console.expect("hello", timeout=240)


@pytest.mark.parametrize("url", ["/dev/nowhere", "spy:///dev/nowhere", "socket://127.0.0.1:1", "rfc2217://127.0.0.1:1"])
async def test_a_device_that_is_required_fails_the_driver_where_it_is_missing(url: str) -> None:
    with pytest.raises(errors.DriverFailed, match=f"{url} can't be opened: "):
        async with serve_async(console=SerialConsole(url=url, required=True)):
            pass


async def test_a_health_check_fails_where_a_required_device_is_missing_and_is_made_for_no_other(tmp_path: Path) -> None:
    path = tmp_path / "ttyUSB0"
    lenient, strict = SerialConsole(url=str(path)), SerialConsole(url=str(path), required=True)
    assert not DriverTree({"console": lenient}, scope="test").has_checks()
    tree = DriverTree({"console": strict}, scope="test")
    assert tree.has_checks()
    async with tree:
        assert await tree.check() == f'driver "console": {path} can\'t be opened: there is no such device'
    async with (
        plugged_in(path),
        DriverTree({"console": SerialConsole(url=str(path), required=True)}, scope="t") as tree,
    ):
        assert await tree.check() == ""


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("ftp://127.0.0.1", "protocol 'ftp' not known"),
        ("socket://127.0.0.1:0", "it must read socket://HOST:PORT"),
        ("FILE", "it is no serial device"),
        ("spy://FILE", "it is no serial device"),
        ("FILE/below", "Not a directory"),
    ],
)
async def test_what_can_not_become_a_device_fails_the_driver_at_once(url: str, sentence: str, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(errors.DriverFailed, match=f"can't be opened: .*{sentence}"):
        async with serve_async(console=SerialConsole(url=url.replace("FILE", str(file)))):
            pass


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
async def test_a_device_that_belongs_to_others_fails_the_driver_at_once() -> None:
    async with SerialDevice() as device:
        os.chmod(device.path, 0o600)
        os.seteuid(65534)
        try:
            with pytest.raises(errors.DriverFailed, match="permission denied; .*belongs to the group"):
                async with serve_async(console=SerialConsole(url=device.path)):
                    pass
        finally:
            os.seteuid(0)


async def test_a_tcp_service_that_comes_during_the_lease_is_reached_then() -> None:
    async with SocketServer() as server:
        await server.vanish()
        async with serve_async(ssh=TcpService(host="127.0.0.1", port=server.port)) as board:
            with pytest.raises(errors.CallDisconnected, match="can't be reached: Connection refused"):
                async with board.ssh.open("connect") as stream:
                    await stream.result()
            await server.listen(server.port)
            async with board.ssh.open("connect") as stream:
                await stream.send(b"hello")
                await server.until(lambda: server.typed == b"hello")


async def test_a_required_tcp_service_is_checked_between_leases_and_no_other() -> None:
    async with SocketServer() as server:
        assert not DriverTree({"ssh": TcpService(host="127.0.0.1", port=server.port)}, scope="t").has_checks()
        required = TcpService(host="127.0.0.1", port=server.port, required=True)
        async with DriverTree({"ssh": required}, scope="t") as tree:
            assert tree.has_checks()
            assert await tree.check() == ""
            await server.vanish()
            assert await tree.check() == f'driver "ssh": 127.0.0.1:{server.port} can\'t be reached: Connection refused'


def test_settings_are_read_as_yaml_gives_them() -> None:
    settings: dict[str, Any] = {"dtr": False, "rts": True, "hangup": "off", "char_delay": "10ms"}
    console = SerialConsole(url="loop://", **settings)
    assert (console.dtr, console.rts, console.hangup, console.char_delay) == ("off", "on", "off", 0.01)
    for wrong in ({"dtr": "high"}, {"char_delay": "10"}, {"char_delay": -1}, {"char_delay": "1h"}):
        with pytest.raises(errors.ConfigurationInvalid, match=next(iter(wrong))):
            SerialConsole(url="loop://", **wrong)


async def test_who_expects_something_of_a_device_that_is_not_there_is_told_so(tmp_path: Path) -> None:
    async with serve_async(console=SerialConsole(url=str(tmp_path / "ttyUSB0"))) as board:
        await until_unavailable(board)
        with pytest.raises(errors.DriverError, match=r"within 0.1 s; it said: ''; .*ttyUSB0 is not there yet"):
            await board.console.expect("=> ", timeout=0.1)
