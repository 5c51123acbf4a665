"""`jumplab driver new`: what it writes works and is checked, and what it refuses leaves nothing behind."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from jumplab.cli.driver_package import EXAMPLES
from tests.cli.user import PROGRAMS, Outcome, User
from tests.docs.pages import ROOT

# Those of one shape are tried in the first tier by one of them.
OF_ALL = [
    pytest.param(each, marks=pytest.mark.nightly) if each in ("digital-output", "button", "reset") else each
    for each in EXAMPLES
]
LONGEST = "acme-climate-chamber-in-the-cave"


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """An empty folder, in which somebody works."""
    folder = tmp_path / "desk"
    folder.mkdir()
    return folder


@pytest.fixture(scope="module")
def types(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What mypy has found out of Jumplab, for all packages."""
    return tmp_path_factory.mktemp("mypy")


def new(desk: Path, *arguments: str, limit: Callable[[], None] | None = None, by: tuple[str, ...] = ()) -> Outcome:
    return run(desk, *by, str(PROGRAMS / "jumplab"), "driver", "new", *arguments, limit=limit)


def run(folder: Path, *command: str, limit: Callable[[], None] | None = None) -> Outcome:
    environment = User(folder).environment | {"PYTHONPATH": "src", "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False, preexec_fn=limit
    )
    return Outcome(done.returncode, done.stdout, done.stderr)


@pytest.mark.parametrize("interface", OF_ALL)
def test_the_tests_that_it_writes_pass(desk: Path, interface: str) -> None:
    written = new(desk, "acme-scale", "--interface", interface)
    assert (written.status, written.out) == (0, "acme-scale\n"), written
    package = desk / "acme-scale"
    tested = run(package, sys.executable, "-W", "error", "-m", "pytest", "-q", "-p", "no:asyncio", "-p", "no:xdist")
    assert tested.status == 0, tested
    assert "passed" in tested.out


@pytest.mark.parametrize("interface", OF_ALL)
@pytest.mark.parametrize("name", ["x", LONGEST])
def test_its_code_passes_the_checks_that_it_names(desk: Path, types: Path, interface: str, name: str) -> None:
    assert new(desk, name, "--interface", interface).status == 0
    package = desk / name
    mypy = ("mypy", "--cache-dir", str(types), "src", "tests")
    for command in (mypy, ("ruff", "check"), ("ruff", "format", "--check")):
        checked = run(package, str(PROGRAMS / command[0]), *command[1:])
        assert checked.status == 0, checked.out


@pytest.mark.parametrize("interface", OF_ALL)
def test_nothing_of_the_example_is_left(desk: Path, interface: str) -> None:
    assert new(desk, "scale", "--interface", interface).status == 0
    example = EXAMPLES[interface]
    for path in (desk / "scale").rglob("*"):
        text = str(path) + (path.read_text() if path.is_file() else "")
        for spelling in (example, example.replace("-", "_"), example.title().replace("-", "")):
            assert spelling not in text, path


@pytest.mark.parametrize("interface", OF_ALL)
def test_the_exporter_takes_its_file(desk: Path, interface: str) -> None:
    assert new(desk, "acme-scale", "--interface", interface).status == 0
    file = desk / "acme-scale" / "bench.yaml"
    bench = yaml.safe_load(file.read_text())
    (entry,) = bench["export"].values()
    entry["type"] = "acme_scale.driver.AcmeScale"  # its entry point is there once it is installed
    file.write_text(yaml.safe_dump(bench))
    checked = run(desk / "acme-scale", str(PROGRAMS / "jumplab-exporter"), "check", "--file-only", "bench.yaml")
    assert (checked.status, checked.err) == (0, ""), checked
    assert "AcmeScale" in checked.out


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("Acme", "'Acme' can't be the name of a driver's package: write small letters, digits and dashes"),
        ("1-wire", "with a letter first, as in acme-relay"),
        ("drivers/scale", "'drivers/scale' can't be the name"),
        ("..", "'..' can't be the name"),
        ("größe", "can't be the name"),
        ("scale-", "can't be the name"),
        (f"{LONGEST}s", "has more than 32 characters; choose a shorter one"),
        ("", "'' can't be the name"),
        ("class", "'class' is a keyword of Python; choose another name, such as my-class"),
        ("json", "Python has a module 'json' here already, which the package would hide"),
        ("jumplab", "Python has a module 'jumplab' here already"),
        ("driver", "the driver's class would be called Driver, a name that its code uses for something else"),
        ("simulator", "would be called Simulator"),
        ("exception", "would be called Exception"),
    ],
)
def test_a_name_that_can_not_be_is_refused(desk: Path, name: str, sentence: str) -> None:
    refused = new(desk, name)
    assert (refused.status, refused.out) == (2, "")
    assert refused.err.startswith("jumplab: ")
    assert sentence in refused.err
    assert refused.err.count("\n") == 1
    assert not list(desk.iterdir())


@pytest.mark.parametrize("other", ["wheels", "storage"])
def test_an_interface_that_is_not_there_names_those_that_are(desk: Path, other: str) -> None:
    refused = new(desk, "scale", "--interface", other)
    assert refused.status == 2
    page = "docs/drivers/own.md"
    assert f"; for a driver of another interface follow {page} (" in refused.err
    assert (ROOT / page).is_file()
    assert all(f"'{interface}'" in refused.err for interface in EXAMPLES)


def test_there_is_a_template_for_each_interface_that_is_offered() -> None:
    folders = ROOT / "client" / "src" / "jumplab" / "templates" / "driver"
    assert {folder.name for folder in folders.iterdir()} == set(EXAMPLES)


@pytest.mark.parametrize("there", ["folder", "file", "broken link"])
def test_what_is_there_stays(desk: Path, there: str) -> None:
    target = desk / "scale"
    make = {"folder": target.mkdir, "file": target.touch, "broken link": lambda: target.symlink_to("nowhere")}
    make[there]()
    refused = new(desk, "scale")
    assert refused.status == 2
    assert refused.err == "jumplab: scale is there already; choose another name, or remove it first\n"
    assert [each.name for each in desk.iterdir()] == ["scale"]


def test_a_folder_that_can_not_be_written_to_is_named(desk: Path) -> None:
    desk.chmod(0o555)
    powerless = ("setpriv", "--bounding-set=-all") if os.geteuid() == 0 else ()
    refused = new(desk, "scale", by=powerless)
    desk.chmod(0o755)
    assert refused.status == 2
    assert refused.err == "jumplab: can't write scale: Permission denied; go to a folder that you may write to\n"


def test_what_can_not_be_written_whole_is_not_there(desk: Path) -> None:
    def files_are_small() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (600, 600))

    refused = new(desk, "scale", limit=files_are_small)
    assert refused.status == 2
    assert refused.err == "jumplab: can't write scale: File too large; go to a folder that you may write to\n"
    assert not list(desk.iterdir())
