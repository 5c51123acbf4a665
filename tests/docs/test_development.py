"""docs/development.md names modules that exist, in rooms that exist."""

from __future__ import annotations

import re
import tomllib
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/development.md").read_text()
MODULES = sorted(set(re.findall(r"`(jumplab(?:_exporter|_operator)?\.[a-z_.0-9]+)`", PAGE)))
PACKAGES = sorted(
    folder.parent
    for source in ("client/src/jumplab", "exporter/src/jumplab_exporter", "operator/src/jumplab_operator")
    for folder in (ROOT / source).rglob("__init__.py")
    if "protocol" not in folder.parts
)


@pytest.mark.parametrize("module", MODULES)
def test_a_module_that_the_page_names_exists(module: str) -> None:
    assert find_spec(module) is not None


@pytest.mark.parametrize("walk", ["A Lease from", "`board.power.on()`", "Console bytes"])
def test_the_page_has_the_three_walks(walk: str) -> None:
    assert f"**{walk}" in PAGE


@pytest.mark.parametrize("package", PACKAGES, ids=lambda folder: str(folder.relative_to(ROOT)))
def test_each_room_says_what_it_holds(package: Path) -> None:
    assert (package / "__init__.py").read_text().startswith('"""'), "a package's docstring says what is in the room"


def test_each_order_of_rooms_is_a_contract() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    orders = {container for each in contracts for container in each.get("containers", ())}
    assert {
        "jumplab.cli",
        "jumplab_operator.leasing",
        "jumplab_operator.reconcile",
        "jumplab_operator.standalone",
    } <= orders
