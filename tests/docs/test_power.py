"""docs/drivers/power.md: each configuration of it drives its counterpart, and its code runs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiohttp import web

from jumplab.driver import DriverClient
from jumplab.driver.driver import configuration_of
from jumplab.testing import serve
from jumplab_exporter.config import LocalConfig
from jumplab_exporter.driver_factory import build_drivers, driver_class
from jumplab_exporter.testing import ShellyGen1, ShellyGen2, TasmotaDevice
from jumplab_exporter.testing.http_simulator import DigestGuard
from jumplab_exporter.testing.usb_hub import UsbHub
from tests.docs.pages import ROOT, blocks
from tests.drivers.http_servers import Scripted
from tests.drivers.pdudaemon import daemon_in
from tests.drivers.snmp_agent import agent_in

PAGE = "docs/drivers/power.md"
WORD = COMMUNITY = "a-secret-word"


@pytest.fixture(autouse=True)
def _variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RELAY_PASSWORD", WORD)


@pytest.fixture
def secret_file(tmp_path: Path) -> Path:
    file = tmp_path / "relay"
    file.write_text(WORD)
    return file


def configurations(kind: str) -> list[str]:
    return [each for each in blocks(PAGE) if each.startswith(f"power:\n  type: {kind}\n")]


@contextmanager
def served(text: str, url: str, secret_file: Path) -> Iterator[DriverClient]:
    """The board of a configuration of the page, at this address, with the secret in this file."""
    text = re.sub(r"http://10\.0\.0\.\d", url, text)
    export: dict[str, Any] = yaml.safe_load(text.replace("/etc/jumpstarter/secrets/relay", str(secret_file)))
    read = {"apiVersion": "jumpstarter.dev/v1alpha1", "kind": "ExporterConfig", "export": export}
    drivers = build_drivers(LocalConfig.model_validate(read).export)
    with serve(**drivers) as board:
        yield board


def switches(board: Any) -> None:
    board.power.on()
    assert board.power.is_on()
    board.power.off()
    assert not board.power.is_on()
    board.power.on()


@pytest.mark.parametrize("make", [ShellyGen1, ShellyGen2])
def test_the_configuration_for_shelly(make: type[ShellyGen1 | ShellyGen2], secret_file: Path) -> None:
    [text] = configurations("power/shelly")
    with make(relays=2, password=WORD) as device, served(text, device.url, secret_file) as board:
        switches(board)
        assert device.relays == [False, True]


def test_the_configuration_for_tasmota(secret_file: Path) -> None:
    [text] = configurations("power/tasmota")
    with TasmotaDevice(relays=2, password=WORD) as device, served(text, device.url, secret_file) as board:
        switches(board)
        assert device.relays == [False, True]


def test_the_first_configuration_for_any_relay(secret_file: Path) -> None:
    outlets = [{"on": False} for _ in range(4)]
    guard = DigestGuard("lab", WORD, "outlets")

    async def handler(request: web.Request) -> web.Response:
        if not guard.admits(request):
            return guard.challenge()
        if request.method == "PUT":
            assert request.content_type == "application/json"
            outlets[int(request.path.rpartition("/")[2])] = await request.json()
        return web.json_response({"outlets": outlets})

    with Scripted(handler) as server, served(configurations("power/http")[0], server.url, secret_file) as board:
        switches(board)
    assert [each["on"] for each in outlets] == [False, False, False, True]


def test_the_second_configuration_for_any_relay(secret_file: Path) -> None:
    state = {"now": "0"}

    async def handler(request: web.Request) -> web.Response:
        state["now"] = request.query.get("state", state["now"])
        return web.Response(text=f"<html>Relay is {'ON' if state['now'] == '1' else 'OFF'}</html>")

    with Scripted(handler) as server, served(configurations("power/http")[1], server.url, secret_file) as board:
        switches(board)


@pytest.mark.parametrize("number", [0, 1])
def test_the_configurations_for_snmp(number: int, tmp_path: Path, secret_file: Path) -> None:
    text = configurations("power/snmp")[number]
    # The agent finds its data by the context; a PDU has one set of data alone.
    text += f"    context: {COMMUNITY}\n" if "version: 3" in text else ""
    with agent_in(tmp_path, community=COMMUNITY, auth=COMMUNITY, privacy=COMMUNITY) as port:
        text = text.replace("host: 10.0.0.10", f"host: 127.0.0.1\n    port: {port}")
        with served(text, "", secret_file) as board:
            switches(board)


@pytest.mark.needs("pdudaemon")
def test_the_configuration_for_pdudaemon(tmp_path: Path, secret_file: Path) -> None:
    [text] = configurations("power/pdudaemon")
    with daemon_in(tmp_path) as url, served(text.replace(":16421", ""), url, secret_file) as board:
        switches(board)
        assert (tmp_path / "4").read_text() == "on\n"


def test_the_configuration_for_a_usb_hub(secret_file: Path) -> None:
    [text] = configurations("power/uhubctl")
    with UsbHub("1-1.4") as hub, served(text, "", secret_file) as board:
        switches(board)
        board.power.off()
        assert not hub.is_on(3)


def test_both_kinds_of_secrets_are_read(secret_file: Path) -> None:
    [text] = [each for each in blocks(PAGE) if each.startswith("password:")]
    for line in text.replace("/etc/jumpstarter/secrets/relay", str(secret_file)).splitlines():
        driver = driver_class("power/shelly")(url="http://10.0.0.7", **yaml.safe_load(line))
        assert getattr(driver, "password").read() == WORD  # noqa: B009 - type checkers don't know the class


def test_the_code_at_the_begin_of_the_page(capsys: pytest.CaptureFixture[str]) -> None:
    code = blocks(PAGE)[0].replace("    print(reading.watts)", "    print(reading.watts)\n    break")
    with ShellyGen2(watts=23.0) as device, serve(power=driver_class("power/shelly")(url=device.url)) as board:
        exec(code.replace("off_seconds=2", "off_seconds=0"), {"board": board})
        assert device.relays == [True]
    assert capsys.readouterr().out == "230.0 0.1 23.0 0.0\n23.0\n"


def test_the_test_of_the_page_passes() -> None:
    names: dict[str, Any] = {}
    exec(next(each for each in blocks(PAGE) if "def test_" in each), names)
    names["test_the_second_relay_is_switched"]()


def test_the_tables_have_every_setting() -> None:
    text = (ROOT / PAGE).read_text()
    for kind in ("power/shelly", "power/http", "power/snmp", "power/pdudaemon", "power/uhubctl"):
        section = text.split(f"\n## {kind}\n", 1)[1].split("\n## ", 1)[0]
        named = set(re.findall(r"`(\w+)`", "".join(re.findall(r"^\|(.*?)\|", section, re.MULTILINE))))
        assert named == set(configuration_of(driver_class(kind)).model_fields)
