"""Runs of pytest in processes of their own, against a bench with a virtual board at the wire."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent
from xml.etree import ElementTree

import pytest

from jumplab.driver import Driver
from jumplab.protocol.client_v1 import client_pb2
from jumplab_exporter.drivers.board.virtual import VirtualBoard
from tests.cli.user import Outcome, User
from tests.client import fixtures
from tests.client.authority import Authority
from tests.client.bench import Bench, Switch, bench_of
from tests.client.lab_double import LabDouble, config_for

authority, lab = fixtures.authority, fixtures.lab


@dataclass
class Project:
    """A folder with tests, and a user who runs them."""

    user: User
    bench: Bench
    folder: Path

    def write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text))

    async def pytest(self, text: str, *options: str, **environment: str) -> Outcome:
        """Runs pytest with one module of tests: its end, in one text."""
        self.write("test_it.py", text)
        given = ["--rootdir", str(self.folder), "-c", str(self.ini), "-p", "no:cacheprovider", *options]
        return await self.user.run("pytest", *given, str(self.folder / "test_it.py"), **environment)

    @property
    def ini(self) -> Path:
        path = self.folder / "pytest.ini"
        if not path.exists():
            self.set_up()
        return path

    def set_up(self, *settings: str) -> None:
        """Writes the project's settings for pytest."""
        lines = ["[pytest]", "pythonpath = .", "asyncio_default_fixture_loop_scope = function", *settings]
        (self.folder / "pytest.ini").write_text("\n".join(lines) + "\n")

    def properties(self, report: Path) -> dict[str, dict[str, str]]:
        """What a JUnit report says of each test."""
        return {
            case.attrib["name"]: {each.attrib["name"]: each.attrib["value"] for each in case.iter("property")}
            for case in ElementTree.parse(report).iter("testcase")
        }


class Stuck(Switch):
    """Once on, it can't be switched off."""

    async def off(self) -> None:
        if await self.is_on():
            raise OSError("the relay does not answer")


class Ending(Switch):
    """Switched on, it ends the lease."""

    _bench: Bench | None = None

    def serve_at(self, bench: Bench) -> None:
        self._bench = bench

    async def on(self) -> None:
        assert self._bench is not None
        self._bench.tasks.create_task(self._bench.host.end("the lease expired"))


@pytest.fixture
async def bench(lab: LabDouble, authority: Authority) -> AsyncIterator[Bench]:
    labels = {"board": "x"}
    lab.exporters["bench-1"] = client_pb2.Exporter(name="namespaces/lab/exporters/bench-1", labels=labels)
    end = Ending()
    root: Mapping[str, Driver] = {"stuck": Stuck(), "board": VirtualBoard(), "usb-power": Switch(), "end": end}
    async with bench_of(lab, authority, root) as bench:
        end.serve_at(bench)
        yield bench


@pytest.fixture
def project(tmp_path: Path, bench: Bench, authority: Authority) -> Project:
    """A project whose user has a client."""
    user = User(tmp_path / "home")
    user.home.mkdir()
    user.configure(config_for(bench.port, authority))
    folder = tmp_path / "project"
    folder.mkdir()
    return Project(user, bench, folder)
