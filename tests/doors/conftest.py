"""Programs of a test's own: their logs are read to the end."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.kube.processes import free_ports
from tests.lab.homes import PROGRAMS, ControlPlane, OneMachine


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[OneMachine]:
    """A control plane on one machine; the test stops it."""
    home = OneMachine(tmp_path)
    home.process.start()
    yield home
    home.process.kill()


def api_port(home: OneMachine) -> int:
    url: str = yaml.safe_load(home.kubeconfig.read_text())["clusters"][0]["cluster"]["server"]
    return int(url.rpartition(":")[2])


def grpc_port(home: OneMachine) -> int:
    return int((home.data_dir / "grpc-port").read_text())


def admin_token(home: OneMachine) -> str:
    return (home.data_dir / "admin.token").read_text().strip()


def operator_beside(home: OneMachine, folder: Path, *options: str) -> ControlPlane:
    """`jumplab-operator run` for the Kubernetes API of another control plane, as on a cluster."""
    (port,) = free_ports(1)
    address = f"127.0.0.1:{port}"
    command: list[str | Path] = [
        *(PROGRAMS / "jumplab-operator", "run", "--kubeconfig", home.kubeconfig, "--own-namespace", "default"),
        *("--listen", address, "--endpoint", address, "--namespace", "default", *options),
    ]
    return ControlPlane(command, folder / "operator.log")
