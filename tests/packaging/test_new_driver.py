"""A driver author's first hour: `jumplab driver new` of what is installed, and the README that it writes, followed."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from jumplab.cli.driver_package import EXAMPLES, PackageName
from tests.docs.pages import indented_blocks
from tests.kube.kubectl import Said
from tests.kube.processes import Process, free_ports
from tests.packaging.pythons import RUNNING, Installed
from tests.packaging.test_distributions import VERSION

LAST_WORDS = {
    "own": ("60.0", "40.0"),
    "power": ("true", "True"),
    "console": ("terminal 1.0", "terminal 1.0"),
    "digital-output": ("false", "True"),
    "digital-input": ("false", "False"),
    "button": ("true", "True"),
    "reset": ("true", "True"),
}
"""What the README's `j` commands say at last, and its script."""


@pytest.fixture(scope="module")
def author(dist: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """Somebody with Jumplab from its wheels, and an empty home."""
    wheels = [str(dist / f"{package}-{VERSION}-py3-none-any.whl") for package in ("jumplab", "jumplab_exporter")]
    tools = ("hatchling", "mypy", "pytest", "ruff")
    return Installed.with_(tmp_path_factory.mktemp("author"), RUNNING, *wheels, *tools)


@pytest.mark.parametrize("interface", EXAMPLES)
def test_what_is_written_is_installed_tested_and_used(author: Installed, interface: str, tmp_path: Path) -> None:
    name = f"acme-{interface}-scale"
    written = author.run("jumplab", "driver", "new", name, "--interface", interface)
    assert (written.status, written.out) == (0, f"{name}\n"), written
    package = (author.home / name).rename(tmp_path / name)
    use_a_free_port(package)
    testing, starting, talking, script = indented_blocks((package / "README.md").read_text())
    install, *checks = testing.splitlines()
    assert install == "pip install -e '.[test]'"
    author.install("--no-build-isolation", f"{package}[test]")
    for check in checks:
        assert typed(package, author, check).status == 0, check
    start, check, shell = starting.splitlines()
    command = f"cd {package} && exec {line_of(author, start.removesuffix(' &'))}"
    simulator = Process(["sh", "-c", command], tmp_path / "simulator.log")
    simulator.start()
    try:
        simulator.wait_until(lambda: "listens on" in simulator.output(), "its start")
        assert f": {PackageName.of(name).class_name}\n" in typed(package, author, check).out
        talked = typed(package, author, f"{shell} -- sh -e -c '{talking}'")
        (package / "script.py").write_text(script)
        ran = typed(package, author, "python script.py")
    finally:
        simulator.stop()
    words, script_words = LAST_WORDS[interface]
    assert (talked.status, talked.out.splitlines()[-1]) == (0, words), talked
    assert (ran.status, ran.out.splitlines()[-1]) == (0, script_words), ran
    checked = typed(package, author, "mypy --strict script.py")
    assert checked.status == 0, checked.out


def use_a_free_port(package: Path) -> None:
    """The device's port, 7001 in what is written, may be another run's."""
    (port,) = free_ports(1)
    for file in (file for file in package.rglob("*") if file.is_file()):
        file.write_text(file.read_text().replace("7001", str(port)))


def line_of(author: Installed, line: str) -> str:
    """A command line of the page, for a shell of the author's."""
    return f"env -i HOME={author.home} PATH={author.folder / 'bin'}:/usr/bin:/bin SHELL=/bin/sh {line}"


def typed(folder: Path, author: Installed, line: str) -> Said:
    command = ["sh", "-c", line_of(author, line)]
    nothing = subprocess.DEVNULL
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, stdin=nothing)
    return Said(done.returncode, done.stdout, done.stderr)
