"""A new user's first day: wheels, each in an environment of its own, and a lease through what they bring."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.kube.processes import Process, free_ports
from tests.packaging.pythons import ROOT, RUNNING, Installed, found
from tests.packaging.test_distributions import VERSION

_CLASSIFIER = "Programming Language :: Python :: 3."
NAMED = sorted(
    {
        each.rpartition(" ")[2]
        for folder in ("client", "exporter", "operator")
        for each in tomllib.loads((ROOT / folder / "pyproject.toml").read_text())["project"]["classifiers"]
        if each.startswith(_CLASSIFIER)
    },
    key=lambda version: int(version.partition(".")[2]),
)
"""The Pythons that the classifiers name."""
EVERY = [
    pytest.param(version, marks=() if version == RUNNING else pytest.mark.nightly)
    for version in (*NAMED, *sorted(found().keys() - set(NAMED)))
]
BOARD = """
  board: {type: board/virtual}
  power: {ref: board.power}
  console: {ref: board.console}
  storage: {ref: board.storage}
"""

TEST = """
import jumplab

with jumplab.lease("board=demo", duration="30m") as board:
    board.power.cycle()
    board.console.expect("autoboot")
    board.console.send("\\n")
    board.console.expect("=> ")
"""


@dataclass(frozen=True, slots=True)
class Machines:
    """The three places where Jumplab is installed, on one Python."""

    python: str
    client: Installed
    exporter: Installed
    operator: Installed


@pytest.fixture(scope="module", params=EVERY)
def machines(request: pytest.FixtureRequest, dist: Path, tmp_path_factory: pytest.TempPathFactory) -> Machines:
    folder = tmp_path_factory.mktemp(f"python{request.param}")
    client, exporter, operator = (
        str(dist / f"{package}-{VERSION}-py3-none-any.whl")
        for package in ("jumplab", "jumplab_exporter", "jumplab_operator")
    )
    return Machines(
        request.param,
        Installed.with_(folder / "client", request.param, f"{client}[admin]"),
        Installed.with_(folder / "exporter", request.param, client, exporter),
        Installed.with_(folder / "operator", request.param, client, operator),
    )


@pytest.fixture
def control_plane(machines: Machines, tmp_path: Path) -> Iterator[Path]:
    """`jumplab-operator standalone`, once it has said that it runs: its kubeconfig."""
    port, grpc_port = free_ports(2)
    data = tmp_path / "data"
    options = ("--data-dir", data, f"--port={port}", f"--grpc-port={grpc_port}")
    process = Process(machines.operator.command("jumplab-operator", "standalone", *options), tmp_path / "operator.log")
    process.start()
    process.wait_until(lambda: "Jumplab is running" in process.output(), "its start")
    yield data / "kubeconfig"
    process.stop()


def test_each_program_says_its_version_and_helps(machines: Machines) -> None:
    programs = (
        ("jumplab", machines.client), ("j", machines.client),
        ("jumplab-exporter", machines.exporter), ("jumplab-operator", machines.operator),
    )  # fmt: skip
    for program, installed in programs:
        said = installed.run(program, "--version")
        assert (said.status, said.err) == (0, ""), said
        assert said.out.startswith(f"{program} {VERSION} (Python {machines.python}."), said.out
        assert installed.run(program, "version").out == said.out or program == "j"
        for option in ("-h", "--help"):
            helped = installed.run(program, option)
            assert (helped.status, helped.err) == (0, ""), helped
            assert helped.out.startswith(f"Usage: {program} "), helped.out


def test_a_board_is_leased_through_what_is_installed(machines: Machines, control_plane: Path, tmp_path: Path) -> None:
    client, exporter = machines.client, machines.exporter
    admin = {"KUBECONFIG": str(control_plane)}
    assert client.run("jumplab", "create", "client", "me", "--save", **admin).status == 0
    config = tmp_path / "bench.yaml"
    created = client.run("jumplab", "create", "exporter", "bench", "-l", "board=demo", "--out", config, **admin)
    assert created.status == 0, created.err
    config.write_text(config.read_text().replace("export: {}\n", f"export:{BOARD}"))
    checked = exporter.run("jumplab-exporter", "check", config)
    assert (checked.status, checked.err) == (0, ""), checked
    assert checked.out.startswith("board: VirtualBoard\n")
    serving = Process(exporter.command("jumplab-exporter", "run", config), tmp_path / "exporter.log")
    serving.start()
    try:
        leased = client.run("jumplab", "shell", "-l", "board=demo", "--", "sh", "-c", "j power on && j power is-on")
        tested = client.run("python", "-c", TEST)
    finally:
        serving.stop()
    assert (leased.status, leased.out) == (0, "true\n"), leased.err + serving.output()
    assert tested.status == 0, tested.err + serving.output()
