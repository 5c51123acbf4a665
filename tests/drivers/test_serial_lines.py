"""DTR and RTS as a button, a reset and an output: at pyserial's own RFC 2217 server, and on terminals without them."""

from __future__ import annotations

import logging
import threading
from pathlib import Path

import pytest

from jumplab.driver import Driver, errors
from jumplab.testing import serve, serve_async
from jumplab_exporter.driver_factory import driver_class
from jumplab_exporter.drivers.button.serial import SerialButton
from jumplab_exporter.drivers.console.serial import SerialConsole
from jumplab_exporter.drivers.digital_output.serial import SerialDigitalOutput
from jumplab_exporter.drivers.reset.serial import SerialReset
from jumplab_exporter.testing import SerialDevice
from jumplab_exporter.testing.serial_server import SerialServer


@pytest.mark.parametrize(
    ("kind", "driver"),
    [
        ("button/serial", SerialButton),
        ("digital-output/serial", SerialDigitalOutput),
        ("reset/serial", SerialReset),
    ],
)
def test_they_are_found_by_their_names(kind: str, driver: type) -> None:
    assert driver_class(kind) is driver


def test_two_lines_of_one_port_are_switched_over_one_connection() -> None:
    with SerialServer() as server:
        drivers = {
            "reset": SerialReset(url=server.url, signal="rts"),
            "boot": SerialButton(url=server.url, signal="dtr"),
        }
        with serve(**drivers) as board:
            assert server.connections == 0
            board.boot.press_down()
            assert (server.dtr, board.boot.is_pressed()) == (True, True)
            del server.signals[:]
            board.reset.pulse(0.001)
            assert server.signals == [("rts", True), ("rts", False)]
            board.boot.release()
            assert server.signals[-1] == ("dtr", False)
        assert server.connections == 1


def test_an_active_low_line_is_lowered() -> None:
    with (
        SerialServer() as server,
        serve(lamp=SerialDigitalOutput(url=server.url, signal="rts", active_low=True)) as board,
    ):
        board.lamp.set(False)
        assert (server.rts, board.lamp.get()) == (True, False)
        board.lamp.set(True)
        assert (server.rts, board.lamp.get()) == (False, True)


async def test_the_port_of_a_console_is_used_as_the_console_has_it_open() -> None:
    with SerialServer() as server:
        drivers = {
            "reset": SerialReset(url=server.url, signal="dtr"),  # also where it comes before the console
            "console": SerialConsole(url=server.url, dtr="off", rts="off"),
        }
        async with serve_async(**drivers) as board:
            await board.reset.assert_reset()
            assert (server.dtr, server.rts) == (True, False)
            await board.console.send("hello\r")
            await board.console.expect("hello", timeout=60)
            await board.reset.release()
            assert (server.dtr, server.connections) == (False, 1)


@pytest.mark.parametrize("order", [("boot", "console"), ("console", "boot")])
def test_a_button_beside_a_console_is_released_whichever_ends_first(order: tuple[str, str]) -> None:
    with SerialServer() as server:
        drivers: dict[str, Driver] = {
            "boot": SerialButton(url=server.url, signal="dtr"),
            "console": SerialConsole(url=server.url, dtr="off", rts="off"),
        }
        with serve(**{name: drivers[name] for name in order}) as board:
            board.boot.press_down()
            assert server.dtr is True
        assert server.dtr is False


def test_a_button_on_a_port_is_released_at_the_end_of_the_lease() -> None:
    with SerialServer() as server:
        with serve(boot=SerialButton(url=server.url, signal="rts")) as board:
            board.boot.press_down()
        assert server.signals[-1] == ("rts", False)


class Heard(logging.Handler):
    """Waits for a line of the log."""

    def __init__(self, part: str) -> None:
        super().__init__(logging.WARNING)
        self._part = part
        self.came = threading.Event()

    def emit(self, record: logging.LogRecord) -> None:
        if self._part in record.getMessage():
            self.came.set()


def test_a_server_that_was_lost_is_connected_again_and_both_signals_are_as_they_were() -> None:
    with SerialServer() as server:
        drivers = {
            "reset": SerialReset(url=server.url, signal="rts"),
            "lamp": SerialDigitalOutput(url=server.url, signal="dtr"),
        }
        with serve(**drivers) as board:
            board.lamp.set(True)
            lost = Heard(f"{server.url} was disconnected")
            logging.getLogger().addHandler(lost)
            server.hang_up()
            lost.came.wait()
            logging.getLogger().removeHandler(lost)
            del server.signals[:]
            board.reset.assert_reset()
            assert (server.rts, server.connections) == (True, 2)
            assert ("dtr", False) not in server.signals


def test_a_server_that_is_not_there_is_a_sentence() -> None:
    with SerialServer() as server:
        url = server.url
    with serve(reset=SerialReset(url=url, signal="dtr")) as board:
        with pytest.raises(ConnectionError, match=f"{url} can't be opened: Connection refused"):
            board.reset.assert_reset()
        assert board.reset.is_asserted() is False


async def test_a_terminal_without_signals_says_so() -> None:
    async with SerialDevice() as device, serve_async(reset=SerialReset(url=device.path, signal="dtr")) as board:
        with pytest.raises(NotImplementedError, match="this device has no DTR and RTS"):
            await board.reset.assert_reset()


async def test_a_device_that_is_not_there_fails_the_check_and_the_call(tmp_path: Path) -> None:
    driver = SerialReset(url=f"{tmp_path}/ttyUSB7", signal="dtr")
    with pytest.raises(ConnectionError, match="ttyUSB7 can't be opened: there is no such device"):
        await driver.check()
    async with serve_async(reset=driver) as board:
        with pytest.raises(ConnectionError, match="ttyUSB7 can't be opened: there is no such device"):
            await board.reset.assert_reset()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"url": "/dev/ttyUSB0"}, "signal: is missing"),
        ({"url": "/dev/ttyUSB0", "signal": "cts"}, "signal"),
        ({"url": "socket://10.0.0.1:7", "signal": "dtr"}, "is plain TCP, which has no DTR and RTS; .* by rfc2217://"),
    ],
)
def test_wrong_settings_are_refused_in_a_sentence(settings: dict[str, str], said: str) -> None:
    with pytest.raises(errors.ConfigurationInvalid, match=said):
        SerialReset(**settings)
