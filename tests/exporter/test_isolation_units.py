"""Which drivers share a process, and what the configuration may say of it."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from jumplab.driver import Driver
from jumplab.session.host import FailedDriver
from jumplab_exporter.config import ExporterConfig
from jumplab_exporter.driver_factory import build_drivers
from jumplab_exporter.isolation.units import Unit, units_of
from tests.exporter.test_config import COMPLETE
from tests.exporter.test_process import outcome

POWER = {"type": "power/virtual"}
ASKING = {"type": "tests.exporter.crashing.AskingForIsolation"}
HEAD = "apiVersion: jumpstarter.dev/v1alpha1\nkind: ExporterConfig\n"


def planned(export: dict[str, Any]) -> tuple[list[Unit], dict[str, Driver]]:
    entries = ExporterConfig.model_validate({**COMPLETE, "export": export}).export
    drivers = build_drivers(entries)
    return units_of(entries, drivers), drivers


def names(export: dict[str, Any]) -> list[set[str]]:
    return [set(unit.entries) for unit in planned(export)[0]]


def test_an_entry_is_isolated_where_it_says_so_or_its_class() -> None:
    assert names({"a": POWER}) == []
    assert names({"a": {**POWER, "isolate": True}, "b": POWER}) == [{"a"}]
    assert names({"a": ASKING, "b": {"children": {"c": ASKING}}}) == [{"a"}, {"b"}]
    assert names({"a": {**ASKING, "isolate": False}}) == []


def test_references_join_entries_in_either_direction() -> None:
    isolated = {**POWER, "isolate": True}
    assert names({"a": {**isolated, "children": {"c": {"ref": "b"}}}, "b": POWER, "d": POWER}) == [{"a", "b"}]
    assert names({"a": {"children": {"c": {"ref": "b"}}}, "b": isolated, "d": POWER}) == [{"a", "b"}]
    assert names({"a": {"ref": "b.c"}, "b": {"children": {"c": POWER}, "isolate": True}}) == [{"a", "b"}]


def test_the_least_bound_of_joined_entries_counts() -> None:
    export = {"a": {**POWER, "isolate": {"memory": "2GiB"}, "children": {"c": {"ref": "b"}}}}
    ((unit,), _) = planned({**export, "b": {**POWER, "isolate": {"memory": "1GiB"}}})
    assert unit.memory_bytes == 1 << 30


@pytest.mark.parametrize("inside", ["a", "b"])
def test_a_reference_across_the_border_is_refused(inside: str) -> None:
    said = {name: {"isolate": name == inside} for name in "ab"}
    units, drivers = planned({"a": {**said["a"], "children": {"c": {"ref": "b"}}}, "b": {**POWER, **said["b"]}})
    assert [set(unit.entries) for unit in units] == [{inside}]
    refused = drivers["a"].children["c"]
    assert isinstance(refused, FailedDriver)
    outside = "b" if inside == "a" else "a"
    assert refused.reason == (
        f'a.c refers to "b", and "{outside}" says isolate: false while "{inside}" is isolated; a driver refers only to '
        "drivers of its own process: isolate both, or neither"
    )


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({"children": {"c": {**POWER, "isolate": True}}}, "a.c: isolate belongs to an entry at the top; write it at a"),
        ({**POWER, "isolate": "yes"}, "must be true, false, or a mapping with `memory`"),
        ({**POWER, "isolate": {"memory": "64M"}}, "may mean 64MiB or 64MB"),
        ({**POWER, "isolate": {"memory": "16MiB"}}, "at least 128 MiB"),
    ],
)
def test_what_isolate_may_say(entry: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        planned({"a": entry})


async def test_check_names_processes_and_borders(tmp_path: Path) -> None:
    def checked(export: dict[str, Any]) -> str:
        path = tmp_path / "exporter.yaml"
        path.write_text(HEAD + yaml.safe_dump({"export": export}))
        return str(path)

    export: dict[str, Any] = {"a": {**POWER, "isolate": True}, "b": {"children": {"c": {"ref": "a"}}}}
    lines = "a: VirtualPower, isolated with b\nb: Composite, isolated with a\n  c: VirtualPower\n"
    assert await outcome("check", "--file-only", checked(export)) == (0, lines)
    status, output = await outcome("check", checked({**export, "b": {**export["b"], "isolate": False}}))
    assert status == 2
    assert 'c: can\'t be used: b.c refers to "a", and "b" says isolate: false while "a" is isolated' in output
