"""From the configuration's entries to drivers."""

import sys
from pathlib import Path
from typing import Any

import pytest

from jumplab.driver import Driver
from jumplab.session.host import DriverTree, FailedDriver
from jumplab_exporter.config import ExporterConfig
from jumplab_exporter.driver_factory import build_drivers
from tests.exporter.test_config import COMPLETE


def built(export: dict[str, Any]) -> dict[str, Driver]:
    return build_drivers(ExporterConfig.model_validate({**COMPLETE, "export": export}).export)


def failure(driver: Driver) -> str:
    assert isinstance(driver, FailedDriver)
    return driver.reason


class Raising(Driver):
    """Can't be built."""

    def __init__(self, **configuration: object) -> None:
        raise OSError("no such thing")


def test_a_reference_is_the_very_driver_that_it_names() -> None:
    drivers = built({"console": {"ref": "board.console"}, "board": {"type": "board/virtual"}})
    assert list(drivers) == ["console", "board"]
    assert drivers["console"] is drivers["board"].children["console"]


def test_children_of_the_configuration_stand_beside_a_drivers_own() -> None:
    drivers = built({"board": {"type": "board/virtual", "children": {"usb": {"type": "power/virtual"}}}})
    assert set(drivers["board"].children) == {"storage", "console", "power", "usb"}


def test_a_description_is_the_drivers() -> None:
    assert built({"power": {"type": "power/virtual", "description": "the relay"}})["power"].description == "the relay"


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ({"type": "nonsense"}, "there is no driver type 'nonsense'; use one of board/qemu, "),
        (
            {"type": "acme.relay.Relay"},
            "driver type 'acme.relay.Relay': there is no module 'acme'; install its package",
        ),
        ({"type": "jumplab_exporter.config.Hook"}, "jumplab_exporter.config has no driver class 'Hook'"),
        (
            {"type": "power/virtual", "config": {"volts": 5}},
            "volts: is not known; remove it",
        ),
        ({"type": f"{__name__}.Raising"}, f"{__name__}.Raising raised OSError while it was built: no such thing"),
        ({"ref": "board"}, "power refers to 'board', and there is no such driver"),
    ],
)
def test_one_that_can_not_be_built_says_why_and_the_others_are_built(entry: dict[str, Any], reason: str) -> None:
    drivers = built({"power": entry, "other": {"type": "power/virtual"}})
    assert reason in failure(drivers["power"])
    assert not isinstance(drivers["other"], FailedDriver)


def test_references_in_a_circle_are_refused() -> None:
    drivers = built(
        {
            "a": {"children": {"self": {"ref": "a"}, "there": {"ref": "b"}}},
            "b": {"children": {"back": {"ref": "a"}}},
        }
    )
    assert "which contains it" in failure(drivers["a"].children["self"])
    assert "which contains it" in failure(drivers["b"].children["back"])
    assert len(DriverTree(drivers, scope="test").nodes) == 7


def test_a_missing_library_names_the_extra_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "serial", None)
    for module in ("serial", "opening", "blocking"):
        monkeypatch.delitem(sys.modules, f"jumplab_exporter.drivers.console.{module}", raising=False)
    reason = failure(built({"console": {"type": "console/serial", "config": {"url": "loop://"}}})["console"])
    assert "it needs serial; install jumplab-exporter[serial], with the extra" in reason


def registered(folder: Path, **entries: str) -> None:
    """Packages in a folder, each with one entry point of the same name: `power/acme`."""
    for package, value in entries.items():
        about = folder / f"{package}-1.0.dist-info"
        about.mkdir()
        (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        (about / "entry_points.txt").write_text(f"[jumplab.drivers]\npower/acme = {value}\n")


@pytest.mark.parametrize(
    ("entries", "reason"),
    [
        ({"acme": "acme_none:Relay"}, "there is no module 'acme_none'; install its package, or add the folder"),
        ({"acme": f"{__name__}:Relay"}, f"{__name__} has no driver class 'Relay'; acme registers '{__name__}:Relay'"),
        ({"acme": f"{__name__}"}, f"registered by acme as '{__name__}'; its entry point has to be MODULE:CLASS"),
        ({"acme": "relays"}, "'power/acme' is registered by acme as 'relays'; its entry point has to be MODULE:CLASS"),
        (
            {"acme": "acme.one:Relay", "other": "other.two:Relay"},
            "registered by acme and other; write the import path of one, acme.one.Relay or other.two.Relay",
        ),
    ],
)
def test_an_entry_point_that_is_wrong_names_its_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, entries: dict[str, str], reason: str
) -> None:
    registered(tmp_path, **entries)
    monkeypatch.syspath_prepend(tmp_path)
    assert reason in failure(built({"power": {"type": "power/acme"}})["power"])


def test_a_package_that_is_found_twice_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    value = "jumplab_exporter.drivers.power.virtual:VirtualPower"
    registered(tmp_path, acme=value, acme_again=value)
    monkeypatch.syspath_prepend(tmp_path)
    assert not isinstance(built({"power": {"type": "power/acme"}})["power"], FailedDriver)


class Leaving(Raising):
    """Ends the process, it believes."""

    def __init__(self, **configuration: object) -> None:
        raise SystemExit(4)


def test_one_that_leaves_the_process_fails_alone() -> None:
    drivers = built({"power": {"type": f"{__name__}.Leaving"}, "other": {"type": "power/virtual"}})
    assert failure(drivers["power"]).endswith("raised SystemExit while it was built: its code has called sys.exit(4)")
    assert not isinstance(drivers["other"], FailedDriver)
