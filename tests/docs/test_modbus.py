"""docs/drivers/modbus.md: its configuration switches coils of pymodbus's server, and its code runs."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from jumplab.driver.driver import configuration_of
from jumplab.testing import serve
from jumplab_exporter.config import LocalConfig
from jumplab_exporter.driver_factory import build_drivers, driver_class
from jumplab_exporter.testing.modbus import ModbusDevice
from tests.docs.pages import ROOT, blocks

PAGE = "docs/drivers/modbus.md"


def test_the_configuration_and_the_code_of_the_page(capsys: pytest.CaptureFixture[str]) -> None:
    with ModbusDevice() as device:
        text = next(each for each in blocks(PAGE) if each.startswith("power:"))
        text = text.replace("host: 10.0.0.6", f"host: 127.0.0.1\n    port: {device.port}\n    timeout: 30s")
        read = {"apiVersion": "jumpstarter.dev/v1alpha1", "kind": "ExporterConfig", "export": yaml.safe_load(text)}
        with serve(**build_drivers(LocalConfig.model_validate(read).export)) as board:
            exec(next(each for each in blocks(PAGE) if each.startswith("board.power.on")), {"board": board})
            assert device.coils[3:5] == [True, True]
    assert capsys.readouterr().out == "True\nTrue\n"


def test_the_test_of_the_page_passes() -> None:
    names: dict[str, Any] = {}
    exec(next(each for each in blocks(PAGE) if "def test_" in each), names)
    names["test_the_board_gets_its_supply"]()


@pytest.mark.parametrize("kind", ["power/modbus", "digital-output/modbus"])
def test_the_table_has_every_setting(kind: str) -> None:
    named = set(re.findall(r"`(\w+)`", "".join(re.findall(r"^\|(.*?)\|", (ROOT / PAGE).read_text(), re.MULTILINE))))
    assert named == set(configuration_of(driver_class(kind)).model_fields)
