"""docs/drivers/tested.md has a row for each driver that comes with the exporter, with its interface."""

from __future__ import annotations

import re

from jumplab.driver.interface import interfaces_of, name_of
from jumplab_exporter.driver_catalogue import catalogue
from jumplab_exporter.driver_factory import driver_class
from tests.docs.pages import ROOT


def rows() -> dict[str, set[str]]:
    """The interfaces of each row, by the types that it is about."""
    found: dict[str, set[str]] = {}
    for line in (ROOT / "docs/drivers/tested.md").read_text().splitlines():
        cells = [cell.strip() for cell in line.split("|")]
        if len(cells) == 6 and cells[1].startswith("`"):
            interfaces = set(re.findall(r"`(\w+)`", cells[2]))
            for kind in re.findall(r"`([\w/-]+)`", cells[1]):
                assert kind not in found, f"{kind} has two rows"
                found[kind] = interfaces
    return found


def test_each_driver_of_the_exporter_has_a_row_with_its_interface() -> None:
    classes = {kind: driver_class(kind) for kind, _ in catalogue()}
    ours = {kind: made for kind, made in classes.items() if made.__module__.startswith("jumplab_exporter.")}
    written = rows()
    assert written.keys() == ours.keys()
    for kind, made in ours.items():
        names = {name_of(interface).rpartition(".")[2] for interface in interfaces_of(made)}
        assert names <= written[kind], kind
