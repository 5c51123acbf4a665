"""The examples of typed boards in the documentation, run in a lab as they are printed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import pytest

from tests.client.test_board_types import mypy
from tests.lab.lab import VIRTUAL_BOARD, Lab

ROOT = Path(__file__).parents[2]
EXPORT = VIRTUAL_BOARD | {name: {"ref": f"board.{name}"} for name in ("power", "console", "storage")}


def python_of(page: str, after: str, before: str) -> str:
    """The indented lines of a part of a page, which are Python but for what a program says or is called with."""
    part = (ROOT / page).read_text().split(after, 1)[1].split(before, 1)[0]
    lines = [line for line in part.splitlines() if not line or line.startswith("    ")]
    return dedent("\n".join(line for line in lines if not line.startswith(("    exporter ", "    jumplab "))))


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


@pytest.mark.parametrize(
    ("page", "after", "before"),
    [("docs/client.md", "## Typed boards", "## Several boards")],
    ids=["client.md"],
)
def test_an_example_of_typed_boards_works_as_printed(
    labelled: Lab, tmp_path: Path, page: str, after: str, before: str
) -> None:
    example = tmp_path / "example.py"
    example.write_text(python_of(page, after, before))
    assert "jumplab.Board" in example.read_text()
    assert mypy(example) == []
    said = labelled.ci.run("python", example)
    assert said.status == 0, said
