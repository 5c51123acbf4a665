"""A newcomer's first day: wheels, the README, a board with a relay, and a suite that runs on a second machine."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.counterparts import need
from tests.docs.reader import Reader
from tests.docs.walk import walk
from tests.images.test_images import check_out
from tests.packaging.pythons import ROOT, RUNNING, Installed
from tests.packaging.test_distributions import VERSION

BASE = Path(getattr(sys, "_base_executable", sys.executable)).parent


def wheel(dist: Path, package: str, extras: str = "") -> str:
    return f"{dist / package}-{VERSION}-py3-none-any.whl{extras}"


@pytest.fixture
def checkout(dist: Path, tmp_path: Path) -> Path:
    """A checkout whose `.venv` has nothing but the wheels, what they need, and pytest."""
    folder = tmp_path / "checkout"
    check_out(folder, [])
    shutil.copytree(dist, folder / "build" / "dist")
    packages = ("jumplab", "[admin]"), ("jumplab_exporter", "[all]"), ("jumplab_operator", "")
    made = Installed.with_(
        tmp_path / "installed", RUNNING, *(wheel(dist, name, extras) for name, extras in packages), "pytest"
    )
    (folder / ".venv").symlink_to(made.folder)
    (folder / ".venv" / ".ready").touch()  # as `make setup` leaves it
    return folder


@pytest.fixture
def index(dist: Path, tmp_path: Path) -> Path:
    """A folder in the place of a package index, for a machine that reaches none: what the client and pytest need."""
    need("package-index")
    folder = tmp_path / "index"
    download = [sys.executable, "-m", "pip", "download", "--quiet", "--dest", folder, "--only-binary", ":all:"]
    chosen = ["--constraint", ROOT / "constraints.txt", wheel(dist, "jumplab"), "pytest"]
    done = subprocess.run([*download, *chosen], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def reader(tmp_path: Path, checkout: Path, index: Path) -> Iterator[Reader]:
    pip = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(index), "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    with Reader(tmp_path / "reader", checkout, str(BASE), pip) as reader:
        yield reader


@pytest.mark.needs("two-machines")
@pytest.mark.needs("kubectl")
def test_the_readme_leads_to_a_suite_on_a_second_machine(reader: Reader) -> None:
    replaced = {
        "demo": lambda step: step.text,
        "suite": lambda _: None,  # this test is a part of that run
        "dist": lambda _: None,  # the fixture `dist` has run it
        "copy": reader.copy_to_second,  # the second machine has no SSH server
        "install": lambda step: step.text,
    }
    walk("README.md", reader.terminal, replaced, chosen=lambda step: step.section != "A cluster")
    python = reader.second_home / "jumplab" / "bin" / "python"
    imported = subprocess.check_output([python, "-c", "import jumplab; print(jumplab.__file__)"], text=True, cwd="/")
    assert imported.startswith(str(reader.second_home))
