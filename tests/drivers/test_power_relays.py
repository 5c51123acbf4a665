"""Relays of Shelly and with Tasmota, against simulators that answer as these do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from jumplab.driver import Driver
from jumplab.drivers.power import PowerReading
from jumplab.testing import serve, serve_async
from jumplab_exporter.driver_factory import driver_class
from jumplab_exporter.testing import ShellyGen1, ShellyGen2, TasmotaDevice

Simulator = ShellyGen1 | ShellyGen2 | TasmotaDevice
MakeDevice = Callable[..., Simulator]

WORD = "hunter2+do&not=show"


def gen3(**settings: Any) -> ShellyGen2:
    return ShellyGen2(generation=3, **settings)


KINDS = [
    pytest.param(ShellyGen1, "power/shelly", 0, id="shelly 1"),
    pytest.param(ShellyGen2, "power/shelly", 0, id="shelly 2"),
    pytest.param(gen3, "power/shelly", 0, id="shelly 3"),
    pytest.param(TasmotaDevice, "power/tasmota", 1, id="tasmota"),
]
each_kind = pytest.mark.parametrize(("make", "kind", "first"), KINDS)


def driver_of(kind: str, device: Simulator, **settings: Any) -> Driver:
    return driver_class(kind)(url=device.url, **{"timeout": "60s", **settings})


@pytest.fixture
def secret(tmp_path: Path) -> dict[str, str]:
    file = tmp_path / "password"
    file.write_text(WORD)
    return {"from": "file", "path": str(file)}


@each_kind
def test_it_switches_the_relay_that_is_named(make: MakeDevice, kind: str, first: int) -> None:
    with make(relays=3) as device, serve(power=driver_of(kind, device, relay=first + 1)) as board:
        assert board.power.is_on() is False
        board.power.on()
        assert (board.power.is_on(), device.relays) == (True, [False, True, False])
        board.power.cycle(off_seconds=0)
        assert device.relays == [False, True, False]
        board.power.off()
        assert (board.power.is_on(), device.relays) == (False, [False, False, False])


@each_kind
def test_the_only_relay_is_the_default(make: MakeDevice, kind: str, first: int) -> None:
    with make() as device, serve(power=driver_of(kind, device)) as board:
        board.power.on()
        assert device.relays == [True]
        device.relays[0] = False
        assert board.power.is_on() is False


@each_kind
async def test_it_switches_with_asyncio_too(make: MakeDevice, kind: str, first: int) -> None:
    with make() as device:
        async with serve_async(power=driver_of(kind, device)) as board:
            await board.power.on()
            assert device.relays == [True]


@each_kind
def test_it_has_a_password(make: MakeDevice, kind: str, first: int, secret: dict[str, str]) -> None:
    with make(password=WORD) as device, serve(power=driver_of(kind, device, password=secret)) as board:
        board.power.on()
        assert (board.power.is_on(), device.relays) == (True, [True])


@each_kind
def test_a_wrong_password_is_told_and_shown_nowhere(
    make: MakeDevice, kind: str, first: int, secret: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    with make(password="another") as device, serve(power=driver_of(kind, device, password=secret)) as board:
        for method in (board.power.on, board.power.off, board.power.is_on):
            with pytest.raises(
                OSError, match=f'{device.url} refuses the password of the user "admin"; correct it'
            ) as no:
                method()
            assert "hunter2" not in str(no.value)
        assert device.relays == [False]
    assert "hunter2" not in caplog.text


@each_kind
def test_a_password_that_changes_counts_at_once(
    make: MakeDevice, kind: str, first: int, secret: dict[str, str]
) -> None:
    with make(password=WORD) as device, serve(power=driver_of(kind, device, password=secret)) as board:
        board.power.on()
        device.password = "another"
        with pytest.raises(OSError, match="refuses the password"):
            board.power.off()
        Path(secret["path"]).write_text("another")
        board.power.off()
        assert device.relays == [False]


@each_kind
def test_a_missing_password_is_told(make: MakeDevice, kind: str, first: int) -> None:
    with make(password=WORD) as device, serve(power=driver_of(kind, device)) as board:
        with pytest.raises(OSError, match="asks for a password; set `password`"):
            board.power.on()
        assert device.relays == [False]


@each_kind
def test_a_relay_that_is_not_there_is_told(make: MakeDevice, kind: str, first: int) -> None:
    with make(relays=2) as device, serve(power=driver_of(kind, device, relay=first + 2)) as board:
        for method in (board.power.on, board.power.off, board.power.is_on):
            with pytest.raises(OSError, match=f"{device.url} has no relay {first + 2}.*`relay` counts from {first}"):
                method()
        assert device.relays == [False, False]


@each_kind
def test_its_meter_is_read(make: MakeDevice, kind: str, first: int) -> None:
    with make(watts=46.0, joules=7200.0) as device, serve(power=driver_of(kind, device)) as board:
        reading: PowerReading = board.power.measure()
        assert (reading.watts, reading.joules) == (46.0, pytest.approx(7200.0))
        if make is not ShellyGen1:
            assert (reading.volts, reading.amps) == (230.0, pytest.approx(0.2))
        device.watts = 23.0
        assert next(board.power.read()).watts == 23.0


@each_kind
def test_one_without_a_meter_says_so(make: MakeDevice, kind: str, first: int) -> None:
    with make() as device, serve(power=driver_of(kind, device)) as board:
        with pytest.raises(NotImplementedError, match="has no meter"):
            board.power.measure()
        with pytest.raises(NotImplementedError, match="has no meter"):
            next(board.power.read())


@each_kind
async def test_its_check_asks_and_switches_nothing(make: MakeDevice, kind: str, first: int) -> None:
    with make() as device:
        device.relays[0] = True
        driver = driver_of(kind, device, timeout="60s")
        async with driver:
            await driver.check()
            assert device.relays == [True]
    async with driver:
        with pytest.raises(ConnectionError, match="can't be reached: Connection refused"):
            await driver.check()


@pytest.mark.parametrize("kind", ["power/shelly", "power/tasmota"])
@pytest.mark.parametrize("device", [ShellyGen1(), ShellyGen2(), TasmotaDevice()], ids=lambda each: type(each).__name__)
def test_another_device_at_the_address_is_told(kind: str, device: Simulator) -> None:
    if ("Shelly" in type(device).__name__) == (kind == "power/shelly"):
        return
    with (
        device,
        serve(power=driver_of(kind, device)) as board,
        pytest.raises(OSError, match=r"answers with status 404"),
    ):
        board.power.on()
