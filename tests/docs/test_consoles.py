"""The pages on consoles and the exporter's log: settings, examples and log lines are the code's."""

from __future__ import annotations

import inspect
import re
from typing import Any

import pytest
import yaml

from jumplab.driver import Driver
from jumplab.driver.driver import configuration_of
from jumplab.driver.interface import methods_of
from jumplab.drivers.console import ConsoleInterface, ConsoleState
from jumplab.testing import serve
from jumplab_exporter.config import ExporterConfig
from jumplab_exporter.driver_factory import build_drivers
from jumplab_exporter.drivers.console.serial import SerialConsole
from tests.docs.pages import ROOT, block, blocks
from tests.exporter.test_config import COMPLETE

SERIAL_PAGE, CONSOLES_PAGE, EXPORTER_PAGE = (
    "docs/drivers/console-serial.md",
    "docs/drivers/consoles.md",
    "docs/exporter.md",
)
SERIAL, CONSOLES = (ROOT / SERIAL_PAGE).read_text(), (ROOT / CONSOLES_PAGE).read_text()


def examples(page: str, first: str) -> list[dict[str, Any]]:
    """The examples of a page in YAML that begin with this key."""
    return [yaml.safe_load(text) for text in blocks(page) if text.startswith(f"{first}:")]


def settings_in(page: str) -> set[str]:
    table = page.partition("| setting | meaning | default |")[2].partition("\n\n")[0]
    return {
        name for row in table.splitlines() for name in re.findall(r"`(\w+)`", row.split("|")[1] if "|" in row else "")
    }


def test_the_page_has_every_setting_and_no_other() -> None:
    assert settings_in(SERIAL) == set(configuration_of(SerialConsole).model_fields)


def test_the_page_has_the_defaults() -> None:
    fields = configuration_of(SerialConsole).model_fields
    table = SERIAL.partition("| setting | meaning | default |")[2].partition("\n\n")[0]
    for names, default in re.findall(r"^\| ((?:`\w+`(?:, )?)+) \|.*\| ([\w, ]+) \|$", table, flags=re.MULTILINE):
        for name, written in zip(re.findall(r"`(\w+)`", names), 2 * default.split(", "), strict=False):
            assert written == str(fields[name].default).lower().removesuffix(".0")


@pytest.mark.parametrize(
    "example", examples(SERIAL_PAGE, "console"), ids=lambda example: example["console"]["config"]["url"]
)
def test_each_configuration_of_the_page_builds_a_driver(example: dict[str, Any]) -> None:
    [driver] = build_drivers(ExporterConfig.model_validate({**COMPLETE, "export": example}).export).values()
    assert isinstance(driver, SerialConsole)


def test_the_example_against_resets_is_read_as_it_is_meant() -> None:
    console = SerialConsole(**examples(SERIAL_PAGE, "console")[-1]["console"]["config"])
    assert (console.hangup, console.dtr, console.rts) == ("off", "unchanged", "unchanged")


def test_the_calls_of_the_page_can_be_made() -> None:
    calls = "".join(block for block in blocks(SERIAL_PAGE) if block.startswith(("board.console.", "j console ")))
    assert "board.console.send_break()" in calls
    with serve(console=SerialConsole(url="loop://")) as board:
        for line in calls.splitlines():
            if line.startswith("board."):
                exec(line, {"board": board})
    arguments = {name: set(methods_of(ConsoleInterface)[name].arguments()) for name in ("send_break", "set_lines")}
    for method, options in re.findall(r"^j console ([\w-]+)(.*)$", calls, flags=re.MULTILINE):
        assert set(re.findall(r"--(\w+)", options)) <= arguments[method.replace("-", "_")]


def test_the_pages_name_what_state_has() -> None:
    fields = ConsoleState.__dataclass_fields__
    assert "unavailable" in fields
    assert "`unavailable`" in CONSOLES
    assert "console.state().unavailable" in SERIAL


@pytest.mark.parametrize("example", examples(EXPORTER_PAGE, "consoleLogs"))
def test_each_example_of_console_logs_is_taken(example: dict[str, Any]) -> None:
    ExporterConfig.model_validate({**COMPLETE, **example})


def test_the_defaults_of_console_logs_are_the_page_s() -> None:
    told, plain = examples(EXPORTER_PAGE, "consoleLogs")[0], ExporterConfig.model_validate(COMPLETE).console_logs
    read = ExporterConfig.model_validate({**COMPLETE, **told}).console_logs
    assert (read.keep, read.size_bytes) == (plain.keep, plain.size_bytes)


def test_a_driver_is_named_as_the_page_says() -> None:
    assert "has_check" in dict(inspect.getmembers(Driver))
    lines = [line for line in block(EXPORTER_PAGE, "2026-").splitlines() if line.startswith("2026-")]
    assert lines
    for line in lines:
        assert re.match(r"2026-\d\d-\d\dT\d\d:\d\d:\d\dZ (WARNING|INFO   ) ", line)
