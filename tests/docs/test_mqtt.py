"""docs/drivers/mqtt.md: its configuration switches a device at a real broker, and its code runs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from jumplab.driver.driver import configuration_of
from jumplab.testing import serve
from jumplab_exporter.config import LocalConfig
from jumplab_exporter.driver_factory import build_drivers, driver_class
from jumplab_exporter.testing.mqtt import TasmotaMqttDevice
from tests.docs.pages import ROOT, blocks
from tests.drivers.mosquitto import PASSWORD, USER, Mosquitto

PAGE = "docs/drivers/mqtt.md"


@pytest.mark.needs("mosquitto")
def test_the_configuration_and_the_code_of_the_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "broker").write_text(PASSWORD)
    with Mosquitto(tmp_path) as broker:
        text = next(each for each in blocks(PAGE) if each.startswith("power:"))
        text = text.replace("/etc/jumpstarter/secrets", str(tmp_path)).replace("user: jumplab", f"user: {USER}")
        text = text.replace("host: 10.0.0.5", f"host: 127.0.0.1\n    port: {broker.port}\n    timeout: 30s")
        read = {"apiVersion": "jumpstarter.dev/v1alpha1", "kind": "ExporterConfig", "export": yaml.safe_load(text)}
        device = TasmotaMqttDevice("127.0.0.1", broker.port, "bench-1", relays=2, user=USER, password=PASSWORD)
        with device, serve(**build_drivers(LocalConfig.model_validate(read).export)) as board:
            exec(next(each for each in blocks(PAGE) if each.startswith("board.power.on")), {"board": board})
            assert device.relays == [True, True]
    assert capsys.readouterr().out == "True\nTrue\n"


@pytest.mark.needs("mosquitto")
def test_the_test_of_the_page_passes(tmp_path: Path) -> None:
    names: dict[str, Any] = {}
    exec(next(each for each in blocks(PAGE) if "def test_" in each), names)
    with Mosquitto(tmp_path, anonymous=True) as broker:
        names["test_the_board_gets_its_supply"](broker.port)


@pytest.mark.parametrize("kind", ["power/mqtt", "digital-output/mqtt"])
def test_the_table_has_every_setting(kind: str) -> None:
    named = set(re.findall(r"`(\w+)`", "".join(re.findall(r"^\|(.*?)\|", (ROOT / PAGE).read_text(), re.MULTILINE))))
    assert named == set(configuration_of(driver_class(kind)).model_fields)
