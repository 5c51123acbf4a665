"""Runs of pytest on tests that are made up: what is left to the nightly, and what a missing counterpart does."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.tiers import is_told_elsewhere

ROOT = Path(__file__).parents[2]
TESTS = """
import pytest

from tests.tiers import is_told_elsewhere

def test_a_story(): pass

@pytest.mark.nightly
@pytest.mark.parametrize("number", range(3))
def test_a_matrix(number): pass

@pytest.mark.needs("kubectl")
def test_with_kubectl(): pass
"""
SPREAD = ("--numprocesses=2", "--dist=loadgroup")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of tests that the plugins of ours are loaded for."""
    (tmp_path / "pytest.ini").write_text(
        "[pytest]\nmarkers =\n    nightly\n    needs(name)\naddopts = --strict-markers -ra"
    )
    plugins = '["tests.workers", "tests.tiers", "tests.counterparts"]'
    (tmp_path / "conftest.py").write_text(f"pytest_plugins = {plugins}\n")
    (tmp_path / "test_made_up.py").write_text(TESTS)
    return tmp_path


def run(folder: Path, *options: str, **environment: str) -> str:
    """What a run prints. It finds no kubectl and no kube-apiserver."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("JUMPLAB_", "PYTEST_", "KUBE"))}
    found = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *options],
        cwd=folder,
        env=kept | {"PATH": "/nowhere", "PYTHONPATH": str(ROOT)} | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    return found.stdout + found.stderr


@pytest.mark.parametrize("spread", [(), SPREAD], ids=["one process", "workers"])
def test_what_is_left_to_the_nightly_is_printed_with_its_file(folder: Path, spread: tuple[str, ...]) -> None:
    said = run(folder, *spread)
    assert re.search(r"3 tests are left to make nightly =+\n +3 test_made_up.py\n", said), said
    assert "1 passed, 1 skipped" in said


@pytest.mark.parametrize("spread", [(), SPREAD], ids=["one process", "workers"])
def test_the_nightly_leaves_nothing_out(folder: Path, spread: tuple[str, ...]) -> None:
    said = run(folder, "--nightly", *spread)
    assert "4 passed, 1 skipped" in said
    assert "are left" not in said


def test_a_missing_counterpart_is_skipped_with_its_package(folder: Path) -> None:
    assert re.search(r"SKIPPED .*kubectl was not found: install it \(Debian's package kubernetes-client\)", run(folder))


def test_a_missing_counterpart_fails_where_all_are_required(folder: Path) -> None:
    said = run(folder, JUMPLAB_TESTS_REQUIRE_ALL="1")
    assert "1 passed, 3 deselected, 1 error" in said
    assert "kubectl was not found: install it (Debian's package kubernetes-client)" in said
    assert "Traceback" not in said


def test_a_counterpart_that_is_excused_is_skipped(folder: Path) -> None:
    said = run(folder, JUMPLAB_TESTS_REQUIRE_ALL="1", JUMPLAB_TESTS_EXCUSED="qemu kubectl")
    assert "1 passed, 1 skipped" in said


def test_another_order_is_the_same_for_the_same_seed(folder: Path) -> None:
    orders = [re.findall(r"::(\S+)", run(folder, "--nightly", "-v", f"--shuffle={seed}")) for seed in (5, 5, 8)]
    assert orders[0] == orders[1] != orders[2]
    assert sorted(orders[0]) == sorted(orders[2])


@pytest.mark.parametrize(
    ("nodeid", "elsewhere"),
    [
        ("tests/lab/test_gangs.py::test_x[cluster-a]", True),
        ("tests/lab/test_gangs.py::test_x[one machine-a]", False),
        ("tests/lab/test_kills.py::test_x[cluster]", False),
        ("tests/standalone/test_lists.py::test_x[real]", False),
        ("tests/reconcile/test_work.py::test_x", False),
    ],
)
def test_a_second_run_of_what_is_no_main_story_is_for_the_night(nodeid: str, elsewhere: bool) -> None:
    assert is_told_elsewhere(nodeid) is elsewhere
