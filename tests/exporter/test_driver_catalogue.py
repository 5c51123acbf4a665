"""`jumplab-exporter drivers`: what is installed, and what can be set; each example is one that can be built."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest
import yaml

from jumplab.driver import Driver
from jumplab.driver.driver import configuration_of
from jumplab.drivers.power import PowerInterface
from jumplab.session.host import FailedDriver
from jumplab_exporter.driver_catalogue import catalogue, description_of, example_of
from jumplab_exporter.driver_factory import driver_class
from jumplab_exporter.drivers.sizes import Size
from tests.exporter.test_building import built

KINDS = sorted(entry_points(group="jumplab.drivers").names)


class Own(PowerInterface, Driver):
    """A switch of one's own.  color: of its lamp;  example: what it says."""

    color: str
    example: list[str]
    memory: Size = 1024

    async def on(self) -> None: ...

    async def off(self) -> None: ...

    async def is_on(self) -> bool:
        return True


def said(*words: str) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("jumplab-exporter")
    return subprocess.run([program, "drivers", *words], capture_output=True, text=True, check=False)


def test_the_list_has_each_type_with_a_sentence() -> None:
    listed = said()
    assert listed.returncode == 0, listed.stderr
    assert [line.split()[0] for line in listed.stdout.splitlines()] == KINDS
    assert re.search(r"^power/shelly +A relay of Shelly, of any generation\.$", listed.stdout, re.MULTILINE)


def test_a_type_whose_extra_is_missing_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "jumplab_exporter.drivers.power.snmp", raising=False)
    for name in [name for name in sys.modules if name.partition(".")[0] == "pysnmp"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "pysnmp", None)
    listed = dict(catalogue())
    assert listed["power/snmp"].startswith("can't be used: it needs pysnmp")
    assert "install jumplab-exporter[snmp]" in listed["power/snmp"]
    assert listed["power/shelly"] == "A relay of Shelly, of any generation."


@pytest.mark.parametrize("kind", KINDS)
def test_each_setting_is_shown(kind: str) -> None:
    shown = description_of(kind)
    table = shown.partition("Settings:")[2].partition("\nExample:")[0]
    rows = [line.split()[0] for line in table.splitlines() if line.strip()]
    names = [row for row in rows if not row.startswith(".")]
    assert sorted(names) == sorted(configuration_of(driver_class(kind)).model_fields or ["none"])


@pytest.mark.parametrize("kind", KINDS)
def test_each_example_can_be_built(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PDU_COMMUNITY", "private")
    monkeypatch.setenv("BOARD_PASSWORD", "a-secret-word")
    driver = built(yaml.safe_load(example_of(kind, driver_class(kind))))
    assert not any(isinstance(each, FailedDriver) for each in driver.values())


def test_types_defaults_and_bounds_are_shown() -> None:
    shown = said("show", "power/snmp").stdout
    rows = {line.split()[0]: " ".join(line.split()[1:]) for line in shown.splitlines() if line.startswith("  ")}
    assert rows["host"] == "text required"
    assert rows["port"] == "whole number, at least 1, at most 65535 default: 161"
    assert rows["version"] == "one of 1, 2c, 3 default: 2c"
    assert rows["timeout"] == "duration, as 10s, more than 0s, at most 1h default: 5s"
    assert rows["community"].startswith("secret, as {from: file, path: /PATH} or {from: env, name: NAME}")
    assert "Methods: on, off, is_on, cycle, measure, read" in shown


def test_a_driver_of_one_s_own_is_shown_by_its_import_path() -> None:
    shown = description_of("tests.exporter.test_driver_catalogue.Own")
    assert "A switch of one's own." in shown
    example: dict[str, Any] = yaml.safe_load(shown.partition("Example:")[2])
    config = {"color": "<text>", "example": "<list of text>"}
    assert example == {"driver": {"type": "tests.exporter.test_driver_catalogue.Own", "config": config}}


@pytest.mark.parametrize(
    "kind", ["power/nothing", "no.such.module.Driver", "tests.exporter.test_driver_catalogue.KINDS"]
)
def test_an_unknown_type_is_a_sentence(kind: str) -> None:
    refused = said("show", kind)
    assert refused.returncode != 0
    assert refused.stderr.startswith("jumplab-exporter: ")
    assert kind in refused.stderr
    assert "Traceback" not in refused.stderr
