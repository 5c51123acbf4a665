"""A lab for the pages that need one: a control plane, exporters with virtual boards, and somebody at a terminal."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.docs.terminals import Terminal
from tests.kube.processes import Process, free_ports
from tests.lab.homes import PROGRAMS

BOARDS = {"bench-1": "demo", "bench-2": "imx8", "bench-3": "imx8"}
"""The exporters, and their label `board`."""
EXPORT = """export:
  board: {type: board/virtual}
  power: {ref: board.power}
  console: {ref: board.console}
  storage: {ref: board.storage}
  ssh: {type: network/tcp, config: {host: 127.0.0.1, port: 22}}
  snmp: {type: network/udp, config: {host: 127.0.0.1, port: 161}}
  backend: {type: network/listener, config: {host: 127.0.0.1, port: 0}}
"""


@dataclass(frozen=True)
class LabOfPages:
    """A lab that runs. `me` is the client of whoever sits at the terminals; `ci` is another one."""

    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        home = self.folder / "home"
        return {
            "PATH": f"{PROGRAMS}:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME": str(home),
            "LANG": os.environ.get("LANG", "C.UTF-8"),
            "KUBECONFIG": str(home / ".local/share/jumplab/kubeconfig"),
        }

    def run(self, *command: str) -> None:
        done = subprocess.run(
            command, env=self.environment, cwd=self.folder, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"

    @contextlib.contextmanager
    def terminal(self, page: str) -> Iterator[Terminal]:
        """A terminal in an empty folder."""
        begin = self.folder / page.replace("/", "-")
        begin.mkdir()
        with Terminal(page, begin, self.environment) as terminal:
            yield terminal


@contextlib.contextmanager
def lab_of_pages(folder: Path) -> Iterator[LabOfPages]:
    lab = LabOfPages(folder)
    (folder / "home").mkdir(parents=True)
    port, grpc_port = free_ports(2)
    options = (f"--port={port}", f"--grpc-port={grpc_port}")
    plane: list[str | Path] = [PROGRAMS / "jumplab-operator", "standalone", *options]
    with contextlib.ExitStack() as stack:
        running = _started(Process(plane, folder / "control-plane.log", lab.environment), stack)
        _wait(running, "Jumplab is running")
        lab.run("jumplab", "create", "client", "ci", "--out", "ci.yaml")
        lab.run("jumplab", "create", "client", "me", "--save")
        exporters = [_started(_exporter(lab, name, board), stack) for name, board in BOARDS.items()]
        for each in exporters:
            _wait(each, "Available")
        yield lab


def _exporter(lab: LabOfPages, name: str, board: str) -> Process:
    """An exporter that was made as the README says, not started."""
    file = lab.folder / f"{name}.yaml"
    lab.run("jumplab", "create", "exporter", name, "-l", f"board={board}", "--out", str(file))
    file.write_text(file.read_text().replace("export: {}\n", EXPORT))
    return Process([PROGRAMS / "jumplab-exporter", "run", file], file.with_suffix(".log"), lab.environment)


def _started(process: Process, stack: contextlib.ExitStack) -> Process:
    process.start()
    stack.callback(process.stop)
    return process


def _wait(process: Process, text: str) -> None:
    process.wait_until(lambda: text in process.output(), "its start")
