"""What a serial line has beside its bytes: breaks, DTR and RTS, its speed, and pauses between characters."""

import fcntl
import struct
import termios
from dataclasses import replace
from typing import Any

import pytest

from jumplab.driver import AsyncDriverClient, errors
from jumplab.driver.interface import methods_of
from jumplab.drivers.console import ConsoleInterface, ConsoleState
from jumplab.testing import serve, serve_async
from jumplab_exporter.drivers.console import signals
from jumplab_exporter.drivers.console.blocking import baudrate_refusal
from jumplab_exporter.drivers.console.serial import SerialConsole
from jumplab_exporter.testing import SerialDevice
from tests.drivers.console_servers import DTR_ON, RTS_ON, SET_CONTROL, Rfc2217Server, SocketServer
from tests.drivers.consoles import on_a_cable
from tests.drivers.pyserial_server import pyserial_server
from tests.drivers.ser2net import ser2net

BREAK_ON, BREAK_OFF, DTR_OFF, RTS_OFF = 5, 6, 9, 12


def controls(server: Rfc2217Server) -> list[int]:
    """The signals that a server was asked for, flow control left out."""
    return [value[0] for command, value in server.commands if command == SET_CONTROL and value[0] > 3]


async def test_a_break_is_held_at_the_server_and_let_go_of() -> None:
    async with Rfc2217Server() as server, serve_async(console=SerialConsole(url=server.url)) as board:
        await board.console.send_break(0.05)
        assert controls(server) == [DTR_ON, RTS_ON, BREAK_ON, BREAK_OFF]


async def test_dtr_and_rts_are_set_at_the_server_each_by_itself_or_both() -> None:
    async with Rfc2217Server() as server, serve_async(console=SerialConsole(url=server.url)) as board:
        await board.console.set_lines(dtr=False)
        await board.console.set_lines(rts=True)
        await board.console.set_lines(dtr=True, rts=False)
        assert controls(server) == [DTR_ON, RTS_ON, DTR_OFF, RTS_ON, DTR_ON, RTS_OFF]


@pytest.mark.parametrize(
    ("settings", "asked"),
    [
        ({}, [DTR_ON, RTS_ON]),
        ({"dtr": "off", "rts": False}, [DTR_OFF, RTS_OFF]),
        ({"dtr": "unchanged", "rts": "off"}, [RTS_OFF]),
        ({"dtr": "unchanged", "rts": "unchanged"}, []),
    ],
)
async def test_the_settings_say_what_dtr_and_rts_are_from_the_opening_on(
    settings: dict[str, Any], asked: list[int]
) -> None:
    async with Rfc2217Server() as server, serve_async(console=SerialConsole(url=server.url, **settings)):
        assert controls(server) == asked


async def test_a_server_that_sets_something_else_has_refused() -> None:
    async with (
        Rfc2217Server(answers={SET_CONTROL: bytes((BREAK_OFF,))}) as server,
        serve_async(console=SerialConsole(url=server.url, dtr="unchanged", rts="unchanged")) as board,
    ):
        with pytest.raises(errors.CallBroken, match="the break could not be sent: the server refuses BREAK ON"):
            await board.console.send_break(0.01)


async def test_a_server_that_confirms_nothing_is_believed() -> None:
    async with (
        Rfc2217Server(silent=(SET_CONTROL,)) as server,
        serve_async(console=SerialConsole(url=server.url)) as board,
    ):
        await board.console.send_break(0.01)
        assert controls(server)[-2:] == [BREAK_ON, BREAK_OFF]


@pytest.mark.needs("ser2net")
async def test_a_real_server_takes_a_break_and_both_signals(tmp_path: Any) -> None:
    async with SerialDevice() as device:
        with ser2net(device.path, tmp_path, rfc2217=True) as server:
            async with serve_async(console=SerialConsole(url=server.url)) as board:
                for _ in range(2):
                    await board.console.send_break(0.01)
                await board.console.set_lines(dtr=False, rts=False)
                await device.send(b"goes on")
                await board.console.expect("goes on", timeout=240)


async def test_another_server_sets_the_line_that_it_has() -> None:
    async with pyserial_server() as (url, line):
        settings: dict[str, Any] = {"baudrate": 9600, "parity": "even", "stop_bits": 2, "data_bits": 7, "rts": "off"}
        async with serve_async(console=SerialConsole(url=url, **settings)) as board:
            assert (line.baudrate, line.parity, line.stopbits, line.bytesize) == (9600, "E", 2, 7)
            assert (line.dtr, line.rts) == (True, False)
            await board.console.set_lines(dtr=False, rts=True)
            assert (line.dtr, line.rts) == (False, True)
            breaks: list[bool] = []
            vars(line)["_update_break_state"] = lambda: breaks.append(line.break_condition)
            await board.console.send_break(0.01)
            await board.console.send("goes on")
            await board.console.expect("goes on", timeout=240)
            assert breaks == [True, False]


async def told(board: AsyncDriverClient) -> tuple[str, str]:
    """What is answered to a break and to a change of DTR."""
    with pytest.raises(errors.CallUnsupported) as broken:
        await board.console.send_break()
    with pytest.raises(errors.CallUnsupported) as changed:
        await board.console.set_lines(dtr=True)
    return str(broken.value), str(changed.value)


async def test_what_a_kind_of_port_lacks_is_refused_in_a_sentence() -> None:
    async with SocketServer() as server, serve_async(console=SerialConsole(url=server.url)) as board:
        for sentence in await told(board):
            assert f"{server.url}: plain TCP carries bytes alone, no break, DTR or RTS; " in sentence
    async with Rfc2217Server(com_port=False) as server, serve_async(console=SerialConsole(url=server.url)) as board:
        for sentence in await told(board):
            assert "the server works as plain telnet, which has no DTR, no RTS and no break" in sentence
    async with on_a_cable() as (_, board):
        assert [sentence.partition(": ")[2] for sentence in await told(board)] == [signals.NO_BREAK, signals.NO_LINES]
    async with SerialDevice() as device, serve_async(console=SerialConsole(url=f"spy://{device.path}")) as board:
        assert [sentence.partition(": ")[2] for sentence in await told(board)] == [signals.NO_BREAK, signals.NO_LINES]


@pytest.mark.parametrize("form", ["{}", "spy://{}"])
async def test_a_setting_that_a_device_lacks_is_told_once(form: str, caplog: pytest.LogCaptureFixture) -> None:
    async with SerialDevice() as device:
        url = form.format(device.path)
        async with serve_async(console=SerialConsole(url=url, dtr="off", rts="off", hangup="off")):
            pass
    remarks = [record.getMessage() for record in caplog.records]
    assert [remark for remark in remarks if "dtr" in remark] == [
        f"{url}: this device has no DTR and RTS, so dtr off and rts off has no effect"
    ]


async def test_a_server_decides_over_its_own_hangup_and_that_is_told(caplog: pytest.LogCaptureFixture) -> None:
    async with Rfc2217Server() as server, serve_async(console=SerialConsole(url=server.url, hangup="off")):
        pass
    assert f"{server.url}: hangup off has no effect: the server decides over its own line" in caplog.text


async def test_settings_of_a_line_over_plain_tcp_are_told_once(caplog: pytest.LogCaptureFixture) -> None:
    settings: dict[str, Any] = {"baudrate": 9600, "parity": "even", "dtr": "off"}
    async with SocketServer() as server, serve_async(console=SerialConsole(url=server.url, **settings)) as board:
        server.hang_up()
        await server.until(lambda: server.connections == 2)
        await server.say(b"back")
        await board.console.expect("back", timeout=240)
    remarks = [record.getMessage() for record in caplog.records if "no effect" in record.getMessage()]
    assert remarks == [
        f"{server.url}: baudrate 9600, parity even, dtr off has no effect: plain TCP leaves the line to the server; "
        "rfc2217:// sets it"
    ]


async def test_arguments_that_mean_nothing_are_refused() -> None:
    async with Rfc2217Server() as server, serve_async(console=SerialConsole(url=server.url)) as board:
        for seconds in (0, -1, 11, float("inf")):
            with pytest.raises((errors.CallRefused, errors.BadArguments), match="seconds"):
                await board.console.send_break(seconds)
        with pytest.raises(errors.CallRefused, match="name dtr or rts"):
            await board.console.set_lines()
        assert controls(server) == [DTR_ON, RTS_ON]


def test_plain_code_has_them_as_well() -> None:
    with serve(console=SerialConsole(url="loop://")) as board:
        board.console.send_break(0.01)
        board.console.set_lines(dtr=False, rts=True)
        with pytest.raises(errors.CallRefused):
            board.console.send_break(0)


async def test_an_exporter_that_does_not_know_them_yet_is_told_of_in_a_sentence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with serve_async(console=SerialConsole(url="loop://")) as board:
        older = {name: schema for name, schema in board.console.methods.items() if name in ("attach", "state")}
        monkeypatch.setattr(board.console, "_node", replace(board.console._node, methods=older))
        with pytest.raises(errors.NotExported, match='driver "console" has no "send_break"; it offers: attach, state'):
            await board.console.send_break()
    older_state = b'{"start_offset": 1, "end_offset": 2, "dropped_bytes": 1}'
    codec = methods_of(ConsoleInterface)["state"].codec
    assert codec.decode_result(older_state) == ConsoleState(1, 2, 1, unavailable="")


async def test_a_pause_follows_each_character() -> None:
    async with SerialDevice() as device, serve_async(console=SerialConsole(url=device.path, char_delay="10s")) as board:
        await board.console.send("ab")
        assert await device.receive() == b"a"
    async with SerialDevice() as device, serve_async(console=SerialConsole(url=device.path, char_delay=0.001)) as board:
        await board.console.send("reset\n")
        heard = b""
        while len(heard) < 6:
            heard += await device.receive()
        assert heard == b"reset\n"


def test_a_speed_that_the_device_does_not_take_is_refused() -> None:
    assert baudrate_refusal(4000000, 4000000) == baudrate_refusal(114943, 115200) == baudrate_refusal(0, 9600) == ""
    assert baudrate_refusal(9600, 4000000) == "the device sets 9600 baud, not 4000000; set a baudrate that it takes"


async def test_a_console_at_a_speed_that_the_device_does_not_take_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signals, "baudrate_of", lambda _: 9600)
    async with SerialDevice() as device:
        with pytest.raises(errors.DriverFailed, match="can't be opened: the device sets 9600 baud, not 115200"):
            async with serve_async(console=SerialConsole(url=device.path)):
                pass


async def test_the_speed_that_the_kernel_has_set_is_known() -> None:
    with serve(console=SerialConsole(url="loop://", baudrate=12345)):
        pass
    async with SerialDevice() as device, serve_async(console=SerialConsole(url=device.path, baudrate=12345)):
        with open(device.path, "rb", buffering=0) as line:  # noqa: ASYNC230 - a terminal opens at once
            assert signals.baudrate_of(line.fileno()) == 12345


def test_both_signals_change_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    line = [termios.TIOCM_DTR | termios.TIOCM_RTS | termios.TIOCM_CTS]
    changes: list[int] = []

    def ioctl(_: int, request: int, argument: bytes) -> bytes:
        if request == termios.TIOCMSET:
            line[0] = struct.unpack("I", argument)[0]
            changes.append(line[0])
        return struct.pack("I", line[0])

    monkeypatch.setattr(fcntl, "ioctl", ioctl)
    signals.set_modem_lines(0, dtr=False, rts=False)
    signals.set_modem_lines(0, dtr=None, rts=True)
    assert changes == [termios.TIOCM_CTS, termios.TIOCM_CTS | termios.TIOCM_RTS]


async def test_whether_closing_hangs_up_is_the_setting_s() -> None:
    async with SerialDevice() as device:
        with open(device.path, "rb", buffering=0) as line:  # noqa: ASYNC230 - a terminal opens at once
            for hangup, wanted in (("on", True), ("off", False), ("unchanged", False)):
                async with serve_async(console=SerialConsole(url=device.path, hangup=hangup)):
                    assert bool(termios.tcgetattr(line.fileno())[2] & termios.HUPCL) is wanted
