"""The page on boards without a controller: its examples, run as they are printed."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.user import Outcome, User
from tests.client.test_board_types import mypy
from tests.docs.pages import block, blocks

PAGE = "docs/local.md"


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """A folder with the files of the page."""
    for each in blocks(PAGE):
        first, _, _ = each.partition("\n")
        name = first.removeprefix("# ")
        if name in ("bench.yaml", "lamp.yaml", "lamp.py"):
            (tmp_path / name).write_text(each)
    return tmp_path


def run_line(desk: Path, line: str) -> Outcome:
    done = subprocess.run(
        ["sh", "-c", line], cwd=desk, env=User(desk).environment, capture_output=True, text=True, check=False
    )
    return Outcome(done.returncode, done.stdout, done.stderr)


def lines(begin: str) -> list[str]:
    """The commands of the page that begin so, without their comments."""
    found = [line for each in blocks(PAGE) for line in each.splitlines() if line.startswith(begin)]
    assert found, begin
    return [line.partition("  #")[0].strip() for line in found]


def test_the_files_are_right(desk: Path) -> None:
    assert run_line(desk, lines("jumplab-exporter check")[0]).status == 0


def test_the_commands_work(desk: Path) -> None:
    (desk / "Makefile").write_text("test:\n\tj board power on && j board console expect '=> '\n")
    ran = run_line(desk, next(each for each in lines("jumplab run") if each.endswith("make test")))
    assert ran.status == 0, ran


def test_a_driver_in_the_working_directory_works(desk: Path) -> None:
    ran = run_line(desk, lines("PYTHONPATH")[0])
    assert ran.status == 0, ran
    assert "[lamp] the lamp is on" in ran.err


def test_the_test_works_and_is_typed(desk: Path) -> None:
    example = desk / "example.py"
    example.write_text(block(PAGE, "import jumplab"))
    assert mypy(example) == []
    done = subprocess.run([sys.executable, example], cwd=desk, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done
    assert "U-Boot" in done.stdout
