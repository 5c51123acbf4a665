"""Coils by Modbus over TCP: pymodbus's own server, and devices that misbehave."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from jumplab.driver import errors
from jumplab.testing import serve
from jumplab_exporter.driver_factory import driver_class
from jumplab_exporter.drivers.digital_output.modbus import ModbusDigitalOutput
from jumplab_exporter.drivers.power.modbus import ModbusPower
from jumplab_exporter.testing.modbus import ModbusDevice


def settings(port: int, **more: Any) -> dict[str, Any]:
    return {"host": "127.0.0.1", "port": port, "coil": 3, "timeout": "30s", **more}


@contextmanager
def answering(answer: bytes | None) -> Iterator[int]:
    """A device that gives this answer to each request; None: it says nothing."""
    connections: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def run() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                connections.append(connection)
                while request := connection.recv(260):
                    if answer is not None:
                        body = request[7:12] if request[7] == 5 else answer  # a write is said back
                        connection.sendall(request[:2] + struct.pack(">HHB", 0, len(body) + 1, 1) + body)

        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join()
            for connection in connections:
                connection.close()


def test_they_are_found_by_their_names() -> None:
    assert driver_class("power/modbus") is ModbusPower
    assert driver_class("digital-output/modbus") is ModbusDigitalOutput


def test_a_coil_is_switched_and_read_back() -> None:
    with ModbusDevice(coils=8) as device:
        drivers = {"power": ModbusPower(**settings(device.port)), "line": ModbusDigitalOutput(**settings(device.port))}
        with serve(**drivers) as board:
            board.power.on()
            assert device.coils == [False, False, False, True, False, False, False, False]
            assert (board.power.is_on(), board.line.get()) == (True, True)
            board.line.set(False)
            assert (board.power.is_on(), any(device.coils)) == (False, False)


def test_a_coil_that_is_not_there_is_told() -> None:
    with ModbusDevice(coils=8) as device, serve(power=ModbusPower(**settings(device.port, coil=300))) as board:
        for call in (board.power.on, board.power.is_on):
            with pytest.raises(OSError, match="coil 300 of unit 1 at .* is refused: it has no such coil"):
                call()


def test_a_coil_that_sticks_is_told() -> None:
    with answering(b"\x01\x01\x00") as port, serve(power=ModbusPower(**settings(port))) as board:
        with pytest.raises(OSError, match="coil 3 of unit 1 at the Modbus device .* is off after it was written"):
            board.power.on()
        board.power.off()


def test_a_device_that_says_nothing_is_given_up() -> None:
    with (
        answering(None) as port,
        serve(power=ModbusPower(**settings(port, timeout="300ms"))) as board,
        pytest.raises(
            OSError, match="the Modbus device .* (did not answer within 0.3 s|has not answered as it should)"
        ),
    ):
        board.power.on()


def test_a_device_that_goes_away_is_told_and_serves_again_when_it_is_back() -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        port = nobody.getsockname()[1]
        with serve(power=ModbusPower(**settings(port))) as board:
            with pytest.raises(ConnectionError, match="can't be reached; is it on, and are `host` and `port` right"):
                board.power.on()
            nobody.close()
            with ModbusDevice(port=port) as device:
                board.power.on()
                assert device.coils[3] is True


async def test_the_check_writes_nothing() -> None:
    with ModbusDevice() as device:
        await ModbusPower(**settings(device.port)).check()
        assert not any(device.coils)


@pytest.mark.parametrize(
    ("more", "said"),
    [({"coil": -1}, "coil: must be at least 0"), ({"unit": 256}, "unit"), ({"host": "-x"}, "host")],
)
def test_wrong_settings_are_refused_in_a_sentence(more: dict[str, Any], said: str) -> None:
    with pytest.raises(errors.ConfigurationInvalid, match=said):
        ModbusPower(**settings(502, **more))
