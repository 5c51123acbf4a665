"""Drivers that were made for Jumpstarter: what is said of them leads somewhere, whether they are installed or not."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jumplab.session.host import FailedDriver
from jumplab_exporter.jumpstarter_drivers import COUNTERPARTS
from tests.exporter.test_building import built, failure

LIBRARY = "class Driver: ...\n"
DRIVERS = "from jumpstarter.driver import Driver\nclass MockPower(Driver): ...\nclass Relay(MockPower): ...\n"


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Packages of these names are there; acme's drivers are made with Jumpstarter's library."""
    for module, content in {
        "jumpstarter/driver": LIBRARY,
        "jumpstarter_driver_power/driver": DRIVERS,
        "acme/driver": DRIVERS,
    }.items():
        file = tmp_path / f"{module}.py"
        file.parent.mkdir()
        file.write_text(content)
    monkeypatch.syspath_prepend(tmp_path)
    forget_modules()
    yield
    forget_modules()


def forget_modules() -> None:
    """Other tests expect that there are no packages of these names."""
    for name in [name for name in sys.modules if name.partition(".")[0].startswith(("jumpstarter", "acme"))]:
        del sys.modules[name]


@pytest.fixture
def half_installed(installed: None, tmp_path: Path) -> None:
    """Jumpstarter's library itself is not there."""
    (tmp_path / "jumpstarter/driver.py").unlink()
    (tmp_path / "jumpstarter").rmdir()


def said_of(kind: str) -> str:
    return failure(built({"it": {"type": kind}})["it"])


@pytest.mark.parametrize(
    ("kind", "instead"),
    [
        ("jumpstarter_driver_power.driver.MockPower", 'use "power/virtual"'),
        ("jumpstarter_driver_pyserial.driver.PySerial", 'use "console/serial" with `url` and `baudrate`'),
        ("jumpstarter_driver_power.driver:MockPower", 'use "power/virtual"'),
        ("jumpstarter_driver_tasmota.driver.TasmotaPower", "use one of Jumplab's drivers, or write your own for it"),
    ],
)
def test_one_that_is_not_installed_is_told_what_to_use(kind: str, instead: str) -> None:
    reason = said_of(kind)
    assert reason == f"driver type {kind!r} is made for Jumpstarter, whose drivers can't be hosted here; {instead}"


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize("kind", ["jumpstarter_driver_power.driver.MockPower", "acme.driver.Relay"])
def test_installing_it_does_not_change_what_is_said(kind: str) -> None:
    assert "is made for Jumpstarter, whose drivers can't be hosted here; use" in said_of(kind)


@pytest.mark.usefixtures("half_installed")
def test_installing_jumpstarter_itself_is_not_advised() -> None:
    assert "is made for Jumpstarter, whose drivers can't be hosted here; use" in said_of("acme.driver.Relay")


SETTINGS: dict[str, dict[str, Any]] = {
    "shell/local": {"commands": {"version": "uname -r"}},
    "shell/ssh": {
        "host": "192.0.2.1",
        "user": "root",
        "host_key": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEXzsVr7Nl3EWWpgxFDvPTIQUGgsUVc+xYC37bdZYQQW",
        "password": {"from": "env", "name": "PATH"},
    },
    "power/snmp": {"host": "10.0.0.10", "model": "apc", "outlet": 1, "version": 3, "user": "lab"},
    "power/http": {"on_request": "http://10.0.0.9/on", "off_request": "http://10.0.0.9/off"},
    "network/tcp": {"host": "192.0.2.1", "port": 22},
    "network/udp": {"host": "192.0.2.1", "port": 161},
    "network/unix": {"path": "/run/board/qmp.sock"},
    "console/serial": {"url": "/dev/ttyUSB0", "baudrate": 115200},
    "digital-input/gpio": {"chip": "/dev/gpiochip0", "line": 1},
    "digital-output/gpio": {"chip": "/dev/gpiochip0", "line": 1},
    "storage-mux/sdwire": {"device_serial": "sd-wire_11", "path": "/dev/disk/by-id/none"},
    "power/command": {"on_command": "true", "off_command": "true"},
}


@pytest.mark.parametrize("advice", sorted(set(COUNTERPARTS.values())))
def test_what_is_advised_can_be_built(advice: str) -> None:
    if '"' not in advice:
        return  # to leave out the type, or to write `ref`
    kind = advice.split('"')[1]
    assert not isinstance(built({"it": {"type": kind, "config": SETTINGS.get(kind, {})}})["it"], FailedDriver)
