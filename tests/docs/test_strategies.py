"""docs/strategies.md and its example: files run as they stand, with a real Linux in QEMU; tables are the code's."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import jumplab
from jumplab.strategies import errors
from jumplab.strategies.uboot_linux import UBootLinuxSettings
from tests.cli.user import Outcome, User
from tests.client.test_board_types import mypy
from tests.docs.pages import ROOT, block, blocks
from tests.strategies import linux

PAGE = "docs/strategies.md"
TEXT = (ROOT / PAGE).read_text()


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """A folder with the files of the page. The time limits of a busy machine are longer."""
    for each in blocks(PAGE):
        if found := re.match(r"# (\w+\.(?:py|yaml))\n", each):
            (tmp_path / found[1]).write_text(each)
    patient = "    bootloader_timeout = boot_timeout = login_timeout = '10m'\n"
    for name in ("boards.py", "async_program.py"):
        text = (tmp_path / name).read_text()
        (tmp_path / name).write_text(text.replace('    password = "lab"\n', f'    password = "lab"\n{patient}'))
    return tmp_path


@pytest.fixture
def bench(desk: Path) -> Path:
    made = linux.linux()
    for name in ("kernel", "initrd"):
        (desk / name).symlink_to(made.folder / name)
    return desk


def run(desk: Path, *command: str) -> Outcome:
    done = subprocess.run(
        [sys.executable, *command], cwd=desk, env=User(desk).environment, capture_output=True, text=True, check=False
    )
    return Outcome(done.returncode, done.stdout, done.stderr)


@pytest.mark.parametrize("name", ["boards.py", "player.py", "program.py", "async_program.py"])
def test_the_files_are_typed(desk: Path, name: str) -> None:
    assert mypy(desk / name) == []


@pytest.mark.needs("qemu")
@pytest.mark.needs("linux")
def test_the_test_of_the_page_passes_as_the_page_calls_it(bench: Path) -> None:
    line = block(PAGE, "$ pytest").strip().removeprefix("$ ")
    ran = run(bench, "-m", *line.split())
    assert "2 passed" in ran.out, ran


@pytest.mark.nightly
@pytest.mark.needs("qemu")
@pytest.mark.needs("linux")
@pytest.mark.parametrize(
    ("name", "said"), [("program.py", ["Linux aarch64", "U-Boot"]), ("async_program.py", ["Linux"])]
)
def test_the_programs_of_the_page_run(bench: Path, name: str, said: list[str]) -> None:
    ran = run(bench, name)
    assert ran.status == 0, ran
    assert all(word in ran.out for word in said), ran


def test_the_strategy_of_one_s_own_works(desk: Path) -> None:
    bench = yaml.safe_load((desk / "bench.yaml").read_text())
    bench["export"]["board"] = {"type": "board/virtual"}
    (desk / "bench.yaml").write_text(yaml.safe_dump(bench))
    (desk / "test_player.py").write_text(
        'import pytest\n\n@pytest.mark.board_state("firmware")\n@pytest.mark.parametrize("number", [1, 2])\n'
        "def test_it(board, number): assert board.power.is_on()\n"
    )
    options = ("--jumplab-exporter-config=bench.yaml", "--jumplab-strategy=player:Player")
    ran = run(desk, "-m", "pytest", *options, "test_player.py")
    assert "2 passed" in ran.out, ran


@pytest.mark.nightly
@pytest.mark.needs("qemu")
@pytest.mark.needs("linux")
def test_the_example_works(bench: Path) -> None:
    example = (ROOT / "examples/linux_test.py").read_text()
    patient = "    bootloader_timeout = boot_timeout = login_timeout = '10m'\n"
    (bench / "linux_test.py").write_text(example.replace('    password = "lab"', f'{patient}    password = "lab"'))
    options = (
        "--jumplab-exporter-config=bench.yaml",
        "--jumplab-strategy=linux_test:DemoLinux",
        "-p",
        "no:cacheprovider",
    )
    ran = run(bench, "-m", "pytest", *options, "linux_test.py")
    assert "3 passed" in ran.out, ran


def test_the_example_is_typed(tmp_path: Path) -> None:
    example = tmp_path / "linux_test.py"
    example.write_text((ROOT / "examples/linux_test.py").read_text())
    assert mypy(example) == []


def first_column(head: str) -> list[str]:
    table = TEXT.split(head, 1)[1].split("\n\n", 1)[0]
    return [line.split("|")[1] for line in table.splitlines()[2:]]


def test_the_page_has_every_setting() -> None:
    named = [name for cell in first_column("| setting | meaning | default |") for name in re.findall(r"`(\w+)`", cell)]
    assert sorted(named) == sorted(UBootLinuxSettings.__annotations__)


def test_the_page_has_the_defaults() -> None:
    rows = re.findall(r"^\| `(\w+)` \|.*\| `([^`]+)` \|$", TEXT, re.MULTILINE)
    assert len(rows) >= 3
    for name, default in rows:
        assert getattr(UBootLinuxSettings, name) == default
    assert "60 s, 180 s, 30 s" in TEXT
    settings = UBootLinuxSettings
    assert (settings.bootloader_timeout, settings.boot_timeout, settings.login_timeout) == (60.0, 180.0, 30.0)


def test_the_page_has_every_error() -> None:
    classes = [
        each.__name__ for each in vars(errors).values() if isinstance(each, type) and each.__module__ == errors.__name__
    ]
    assert all(f"`{name}`" in TEXT for name in classes)
    assert all(name in jumplab.__all__ for name in classes)
