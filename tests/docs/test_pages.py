"""Pages whose blocks are pasted into a terminal of a lab, from the first to the last."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.docs.lab_of_pages import LabOfPages
from tests.docs.reader import Reader
from tests.docs.walk import walk

PAGES = ("docs/access-policies.md", "docs/reservations.md")
"""The lab of the pages has what these assume: clients `me` and `ci`, exporters bench-1 to bench-3."""


@pytest.mark.needs("kubectl")
@pytest.mark.parametrize("page", PAGES)
def test_a_page_works_as_printed(page: str, page_lab: LabOfPages) -> None:
    with page_lab.terminal(page) as terminal:
        walk(page, lambda _: terminal, {})


@pytest.mark.needs("two-machines")
def test_the_second_machine_works_as_printed(tmp_path: Path) -> None:
    with Reader(tmp_path, tmp_path, str(Path(sys.prefix) / "bin")) as reader:
        (reader.home / "bench").mkdir()
        (reader.second_home / "jumplab").symlink_to(sys.prefix)
        reader.terminal("2").run("cd ~/bench\n")
        walk("docs/second-machine.md", reader.terminal, {"copy": reader.copy_to_second})
