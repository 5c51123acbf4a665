"""docs/pytest.md has every option, setting and fixture of the plugin."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PAGE = (Path(__file__).parents[2] / "docs/pytest.md").read_text()


def test_the_page_has_every_option_and_setting(pytestconfig: pytest.Config) -> None:
    parser = pytest.Parser(_ispytest=True)
    from jumplab.testing import plugin

    plugin.pytest_addoption(parser)
    options = {name for option in parser.getgroup("jumplab").options for name in option.names()}
    rows = re.findall(r"^\| `(--jumplab-[a-z-]+)[^|]*\| (?:`(\w+)`)? ?\|", PAGE, re.MULTILINE)
    assert {option for option, _ in rows} == options
    assert {setting for _, setting in rows if setting} == set(parser._inidict)


def test_the_page_has_every_fixture() -> None:
    from jumplab.testing import plugin

    fixtures = {name for name in vars(plugin) if type(getattr(plugin, name)).__name__ == "FixtureFunctionDefinition"}
    rows = set(re.findall(r"^\| `(\w+)` \| ", PAGE, re.MULTILINE))
    assert rows == {name for name in fixtures if not name.startswith("_")}
