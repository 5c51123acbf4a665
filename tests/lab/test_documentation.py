"""The examples of typed boards in the documentation, run in a lab as they are printed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.client.test_board_types import mypy
from tests.docs.kinds import kind_of
from tests.docs.pages import all_blocks
from tests.lab.lab import VIRTUAL_BOARD, Lab

EXPORT = VIRTUAL_BOARD | {name: {"ref": f"board.{name}"} for name in ("power", "console", "storage")}


def python_of(page: str, section: str) -> str:
    """The Python of a section of a page, in one program."""
    found = [each for each in all_blocks(page) if each.section == section and kind_of(each) == "python"]
    return "\n\n".join(each.text for each in found)


@pytest.fixture
def labelled(lab: Lab) -> Iterator[Lab]:
    """The exporters that the examples lease."""
    boards = {"bench-2": "imx8", "bench-3": "imx8", "bench-4": "demo"}
    for name, label in boards.items():
        lab.exporter(name, export=EXPORT, board=label)
    yield lab
    for name in boards:
        lab.until_available(name)
        lab.exporters.pop(name).kill()
        lab.delete("exporters", name)


@pytest.mark.parametrize(("page", "section"), [("docs/client.md", "Typed boards")])
def test_an_example_of_typed_boards_works_as_printed(labelled: Lab, tmp_path: Path, page: str, section: str) -> None:
    example = tmp_path / "example.py"
    example.write_text(python_of(page, section))
    assert "jumplab.Board" in example.read_text()
    assert mypy(example) == []
    said = labelled.ci.run("python", example)
    assert said.status == 0, said
