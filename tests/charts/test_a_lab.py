"""Both charts on a real API server: the operator as the chart's service account, and a lease through to U-Boot."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import jumplab
from tests.charts.cluster import Cluster
from tests.charts.matrix import LAB, Plain, objects, one
from tests.charts.on_chart import OnChart
from tests.kube.processes import Process
from tests.lab.boards import PROMPT, QEMU_BOARD
from tests.lab.homes import NAMESPACE, PROGRAMS
from tests.lab.lab import Lab

VIRTUAL: Plain = {}
"""The chart's own board."""


@pytest.fixture(scope="module")
def lab(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A lab in its namespace, whose control plane the chart describes."""
    folder = tmp_path_factory.mktemp("on-chart")
    with Lab(OnChart(cluster, folder), folder) as made:
        yield made


@pytest.mark.parametrize(
    "board", [pytest.param(QEMU_BOARD, id="qemu", marks=pytest.mark.needs("qemu")), pytest.param(VIRTUAL, id="virtual")]
)
def test_a_lease_of_a_board_of_the_chart_boots_to_its_prompt(
    cluster: Cluster, lab: Lab, tmp_path: Path, board: Plain
) -> None:
    name = "qemu" if board else "virtual"
    entry = {"labels": {"board": name}, **({"export": board} if board else {})}
    values = {"controller": {"endpoint": lab.config.endpoint}, "virtualBoards": {name: entry}}
    with cluster.helm(NAMESPACE) as releases:
        manifest = releases.install(LAB, name, values)["manifest"]
        text = one(objects(manifest), "ConfigMap")["data"]["exporter.yaml"]
        credential = lab.credential("exporters", name)
        (tmp_path / "token").write_text(credential["token"])
        (tmp_path / "ca.crt").write_text(credential["tls"]["ca"])
        (tmp_path / "exporter.yaml").write_text(text.replace("/etc/jumplab/credential", str(tmp_path)))
        exporter = Process([PROGRAMS / "jumplab-exporter", "run", tmp_path / "exporter.yaml"], tmp_path / "log")
        exporter.start()
        try:
            lab.lease(f"on-{name}", board=name)
            lab.until_ready(f"on-{name}")
            with jumplab.attach(f"on-{name}", client=lab.config) as root:
                root.board.power.on()
                root.board.console.expect("stop autoboot", timeout=240)
                root.board.console.send(" ")
                root.board.console.expect(PROMPT)
                assert "U-Boot" in root.board.console.run("version", PROMPT)
            lab.release(f"on-{name}")
            lab.until_available(name)
        finally:
            exporter.stop()
            releases.uninstall(name)
    assert "forbidden" not in lab.home.process.output()
