"""Upgrades: client, exporter and operator one minor version apart, each way, each from its own wheels.

`this` is what `make dist` builds. `next` is the same with the next minor version. `previous` is the tree as it was
before the last changes of the wire format, with the previous minor version; it comes from the repository's history.
"""

from __future__ import annotations

import itertools
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from tests.counterparts import missing
from tests.images.test_images import check_out
from tests.kube.processes import Process, free_ports
from tests.packaging import test_without_the_checkout as first_day
from tests.packaging.pythons import ROOT, RUNNING, Installed
from tests.packaging.test_distributions import VERSION

CHANGES = 3
"""How many changes of the wire format ago the previous version was."""
PARTS = ("client", "exporter", "operator")
MAJOR, MINOR, _ = map(int, VERSION.split("."))
NUMBERS = {"previous": f"{MAJOR}.{MINOR - 1}.0", "this": VERSION, "next": f"{MAJOR}.{MINOR + 1}.0"}
FIRST_TIER = ("this", "previous", "this")
"""Client, exporter and operator: the lab's half is being upgraded, and so are some users."""
APART = [
    pytest.param(*versions, marks=() if versions == FIRST_TIER else pytest.mark.nightly)
    for pair in (("previous", "this"), ("this", "next"))
    for versions in itertools.product(pair, repeat=len(PARTS))
    if len(set(versions)) == len(pair)
]
Installing = Callable[[str, str], Installed]


@pytest.fixture(scope="module")
def installed(dist: Path, tmp_path_factory: pytest.TempPathFactory) -> Installing:
    """Gives a part in a version, in an environment of its own; each is built and installed once."""

    @cache
    def wheels(version: str) -> Path:
        if version == "this":
            return dist
        folder = tmp_path_factory.mktemp(version)
        (past if version == "previous" else present)(folder / "tree")
        return built(folder / "tree", NUMBERS[version], folder / "dist")

    @cache
    def install(part: str, version: str) -> Installed:
        def wheel(package: str) -> str:
            return str(wheels(version) / f"{package}-{NUMBERS[version]}-py3-none-any.whl")

        packages = {
            "client": (f"{wheel('jumplab')}[admin]",),
            "exporter": (wheel("jumplab"), wheel("jumplab_exporter")),
            "operator": (wheel("jumplab"), wheel("jumplab_operator")),
        }
        return Installed.with_(tmp_path_factory.mktemp(f"{part}-{version}"), RUNNING, *packages[part])

    return install


def present(folder: Path) -> None:
    folder.mkdir()
    check_out(folder, [])


def past(folder: Path) -> None:
    """The tree before the last changes of the wire format. Skips where there is no history."""
    found = subprocess.run(
        ["git", "log", f"-{CHANGES + 1}", "--format=%H", "--", "client/proto"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    commits = found.stdout.split()
    if len(commits) <= CHANGES:
        missing("history", "the history of client/proto is not here: fetch the whole repository, with its history")
    folder.mkdir()
    tree = subprocess.run(["git", "archive", commits[-1]], cwd=ROOT, capture_output=True, check=True).stdout
    subprocess.run(["tar", "-x", "-C", folder], input=tree, check=True)


def built(tree: Path, number: str, into: Path) -> Path:
    """The wheels of a tree, with this version in place of its own."""
    for part in PARTS:
        project = tree / part / "pyproject.toml"
        text = re.sub(r'(?m)^version = "[^"]+"', f'version = "{number}"', project.read_text())
        project.write_text(re.sub(r'"jumplab==[^"]+"', f'"jumplab=={number}"', text))
    uv = Path(sys.executable).with_name("uv")
    command = [uv, "build", "--quiet", "--all-packages", "--wheel", "--no-build-isolation", "--python", sys.executable]
    done = subprocess.run([*command, "--out-dir", into], cwd=tree, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return into


@pytest.mark.parametrize(PARTS, APART)
def test_programs_that_are_one_minor_version_apart_work_together(
    installed: Installing, client: str, exporter: str, operator: str, tmp_path: Path
) -> None:
    versions = dict(zip(PARTS, (client, exporter, operator), strict=True))
    parts = {part: at_home(installed(part, version), tmp_path / part) for part, version in versions.items()}
    for part, version in versions.items():
        asked = "from importlib.metadata import version; print(version('jumplab'))"
        assert parts[part].run("python", "-c", asked).out == f"{NUMBERS[version]}\n"
    machines = first_day.Machines(RUNNING, parts["client"], parts["exporter"], parts["operator"])
    with control_plane(parts["operator"], tmp_path) as kubeconfig:
        first_day.test_a_board_is_leased_through_what_is_installed(machines, kubeconfig, tmp_path)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param("previous", "this", marks=pytest.mark.nightly),
        pytest.param("this", "previous", marks=pytest.mark.nightly),
        pytest.param("this", "next", marks=pytest.mark.nightly),
    ],
)
def test_an_operator_goes_on_with_what_another_version_has_stored(
    installed: Installing, before: str, after: str, tmp_path: Path
) -> None:
    """The same data directory, forth and back: the clients and exporters that it knows are there."""
    client, exporter = (at_home(installed(part, "this"), tmp_path / part) for part in ("client", "exporter"))
    with control_plane(installed("operator", before), tmp_path) as kubeconfig:
        created = client.run("jumplab", "create", "client", "earlier", KUBECONFIG=str(kubeconfig))
        assert created.status == 0, created
    machines = first_day.Machines(RUNNING, client, exporter, installed("operator", after))
    with control_plane(machines.operator, tmp_path) as kubeconfig:
        listed = machines.client.run("jumplab", "get", "clients", KUBECONFIG=str(kubeconfig))
        assert "earlier" in listed.out, listed
        first_day.test_a_board_is_leased_through_what_is_installed(machines, kubeconfig, tmp_path)


def at_home(installed: Installed, home: Path) -> Installed:
    """The same programs for another user, who has no files yet."""
    home.mkdir()
    return replace(installed, home=home)


@contextmanager
def control_plane(operator: Installed, folder: Path) -> Iterator[Path]:
    """The operator on one machine, once it has said that it runs: its kubeconfig. A folder has one set of data."""
    port, grpc_port = free_ports(2)
    data, log = folder / "data", folder / f"{operator.folder.parent.name}.log"
    options = ("--data-dir", data, f"--port={port}", f"--grpc-port={grpc_port}")
    process = Process(operator.command("jumplab-operator", "standalone", *options), log)
    process.start()
    try:
        process.wait_until(lambda: "Jumplab is running" in process.output(), "its start")
        yield data / "kubeconfig"
    finally:
        process.stop()
