"""docs/drivers/lines.md: each configuration of it switches its counterpart, and its code runs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from jumplab.driver import Driver
from jumplab.driver.driver import configuration_of
from jumplab.testing import serve
from jumplab_exporter.config import LocalConfig
from jumplab_exporter.driver_factory import build_drivers, driver_class
from jumplab_exporter.drivers.button.virtual import VirtualButton
from jumplab_exporter.drivers.digital_input.command import CommandDigitalInput
from jumplab_exporter.drivers.digital_output.virtual import VirtualDigitalOutput
from jumplab_exporter.drivers.reset.virtual import VirtualReset
from jumplab_exporter.testing.gpio import GpioChip
from jumplab_exporter.testing.serial_server import SerialServer
from tests.docs.local_shell import run_in_local_shell
from tests.docs.pages import ROOT, blocks

PAGE = "docs/drivers/lines.md"
RELAYCTL = """#!/bin/sh
# relayctl NUMBER [on|off]: a relay card of files
test -z "$2" || echo "$2" >> "$(dirname "$0")/relay-$1"
tail -n 1 "$(dirname "$0")/relay-$1" 2>/dev/null
true
"""


@pytest.fixture
def relays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a relay card whose program is in PATH: a file for each relay."""
    program = tmp_path / "relayctl"
    program.write_text(RELAYCTL)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    return tmp_path


def configuration(kind: str) -> str:
    return next(each for each in blocks(PAGE) if f"  type: {kind}\n" in each)


def built(text: str) -> dict[str, Driver]:
    """The drivers of a configuration of the page."""
    read = {"apiVersion": "jumpstarter.dev/v1alpha1", "kind": "ExporterConfig", "export": yaml.safe_load(text)}
    return build_drivers(LocalConfig.model_validate(read).export)


def test_the_commands_of_the_page_switch(relays: Path) -> None:
    kinds = ("digital-output/command", "button/command", "reset/command")
    drivers = {name: driver for kind in kinds for name, driver in built(configuration(kind)).items()}
    with serve(**drivers) as board:
        board.lamp.set(True)
        assert board.lamp.get() is True
        board.recovery.press(0.001)
        board.reset.pulse(0.001)
    found = [(relays / f"relay-{number}").read_text().split() for number in (4, 5, 6)]
    assert found == [["on"], ["on", "off"], ["on", "off"]]


def test_the_command_of_the_page_reads(relays: Path) -> None:
    with serve(**built(configuration("digital-input/command"))) as board:
        assert board.led.get() is False
        (relays / "relay-7").write_text("on\n")
        assert board.led.get() is True


def test_the_code_of_the_page(capsys: pytest.CaptureFixture[str]) -> None:
    code = next(each for each in blocks(PAGE) if "board.lamp.set(True)" in each)
    code = re.sub(r"seconds=[\d.]+", "seconds=0.01", code) + "\n    break\n"
    led = CommandDigitalInput(state_command="true")
    drivers = {"lamp": VirtualDigitalOutput(), "recovery": VirtualButton(), "reset": VirtualReset(), "led": led}
    with serve(**drivers) as board:
        exec(code, {"board": board})
    said = capsys.readouterr().out.splitlines()
    assert said[:4] == ["False", "False", "False", "True"]
    assert re.fullmatch(r"True \d+\.\d+", said[4])


def test_a_reset_and_a_button_beside_the_console_of_the_page() -> None:
    text = configuration("reset/serial")
    with SerialServer() as server:
        text = re.sub(r"/dev/ttyUSB0|rfc2217://10\.0\.0\.11:4001", server.url, text)
        with serve(**built(text)) as board:
            board.reset.pulse(0.001)
            board.boot.press(0.001)
            board.lamp.set(False)
            assert (server.dtr, server.rts, server.connections) == (True, False, 1)


def test_the_lines_of_a_chip() -> None:
    with GpioChip({7: "RECOVERY"}, lines=32) as chip:
        with serve(**built(configuration("reset/gpio").replace("/dev/gpiochip0", chip.path))) as board:
            board.reset.pulse(0.001)
            board.recovery.press(0.001)
            board.lamp.set(True)
            assert board.led.get() is False
        assert chip.changes == [(17, False), (17, True), (7, True), (7, False), (22, True)]


def test_the_tests_of_the_page_pass() -> None:
    names: dict[str, Any] = {}
    for code in [each for each in blocks(PAGE) if "def test_" in each]:
        exec(code, names)
    for name in ("test_the_reset_is_pulsed", "test_the_led_goes_on"):
        names[name]()


def test_the_commands_of_the_page(tmp_path: Path) -> None:
    commands = next(each for each in blocks(PAGE) if each.startswith("j lamp set")).replace("seconds 5", "seconds 0.01")
    virtual = {
        name: {"type": f"{kind}/virtual"}
        for name, kind in (("lamp", "digital-output"), ("recovery", "button"), ("reset", "reset"))
    }
    led = {"type": "digital-input/command", "config": {"state_command": "true"}}
    assert run_in_local_shell(commands, {**virtual, "led": led}, tmp_path) == "true\n"


def settings_in(section: str) -> set[str]:
    text = (ROOT / PAGE).read_text().split(f"\n## {section}\n", 1)[1].split("\n## ", 1)[0]
    return set(re.findall(r"`(\w+)`", "".join(re.findall(r"^\|(.*?)\|", text, re.MULTILINE))))


SECTIONS: dict[str, tuple[str, ...]] = {
    "Commands": ("digital-output/command", "button/command", "reset/command"),
    "digital-input/command": ("digital-input/command",),
    "GPIO": ("digital-output/gpio", "button/gpio", "reset/gpio", "digital-input/gpio"),
    "DTR and RTS": ("digital-output/serial", "button/serial", "reset/serial"),
}


@pytest.mark.parametrize("section", SECTIONS)
def test_the_tables_have_every_setting(section: str) -> None:
    models: list[Any] = [configuration_of(driver_class(kind)) for kind in SECTIONS[section]]
    assert settings_in(section) == {name for model in models for name in model.model_fields}
