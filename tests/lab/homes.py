"""The two homes of a lab: a control plane on one machine, and an operator for a real kube-apiserver."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import yaml

from tests.kube.client import KubeClient
from tests.kube.processes import Process, free_ports
from tests.kube.servers import RealKubeApi, kubeconfig
from tests.lab.gate import Gate

PROGRAMS = Path(sys.executable).parent
CRDS = Path(__file__).parents[2] / "crds"
NAMESPACE = "lab"
_SHORT = ("--preemption-notice", "3s")


class Home(Protocol):
    """A control plane as processes. `kubeconfig` is the administrator's; `audit_log` its audit log."""

    kubeconfig: Path
    audit_log: Path

    @property
    def process(self) -> Process: ...

    def connect(self) -> KubeClient:
        """Starts everything for the first time, and gives the administrator's way to its Kubernetes API."""
        ...

    def start(self) -> None: ...

    def kill(self) -> None:
        """`kill -9`."""
        ...

    def close(self) -> None: ...


class ControlPlane(Process):
    """`jumplab-operator`, started once it says so."""

    def start(self) -> None:
        before = self._starts()
        super().start()
        self.wait_until(lambda: self._starts() > before, "its start")

    def _starts(self) -> int:
        return self.output().count("Jumplab is running") if self.log.exists() else 0


class _OneProcess:
    """What both homes have in common: their control plane is one process."""

    process: Process

    def start(self) -> None:
        self.process.start()

    def kill(self) -> None:
        self.process.kill()

    def close(self) -> None:
        self.process.stop()


class OneMachine(_OneProcess):
    """`jumplab-operator standalone`: one process is API server, operator, controller and router."""

    def __init__(self, folder: Path, environment: Mapping[str, str] | None = None) -> None:
        self.data_dir = folder / "data"
        self.kubeconfig = self.data_dir / "kubeconfig"
        port, grpc_port = free_ports(2)
        self.audit_log = folder / "audit.jsonl"
        options = (f"--port={port}", f"--grpc-port={grpc_port}", "--audit-log", self.audit_log, *_SHORT)
        command: list[str | Path] = [PROGRAMS / "jumplab-operator", "standalone", "--data-dir", self.data_dir, *options]
        self.process = ControlPlane(command, folder / "control-plane.log", environment)

    def connect(self) -> KubeClient:
        self.process.start()
        kube = self.client()
        create_namespace(kube)
        return kube

    def client(self) -> KubeClient:
        """Another connection of the administrator, while the process runs."""
        url = yaml.safe_load(self.kubeconfig.read_text())["clusters"][0]["cluster"]["server"]
        return KubeClient(url, self.data_dir / "ca.crt", (self.data_dir / "admin.token").read_text().strip())


class OnCluster(_OneProcess):
    """`jumplab-operator run` for a real kube-apiserver, which it reaches through a gate that a test can shut."""

    def __init__(self, folder: Path, api: RealKubeApi, environment: Mapping[str, str] | None = None) -> None:
        self.api = api
        self.kubeconfig = api.kubeconfig
        port, gate_port = free_ports(2)
        self.gate = Gate(api.url, gate_port)
        self.audit_log = folder / "audit.jsonl"
        through_gate = folder / "operator.kubeconfig"
        through_gate.write_text(yaml.safe_dump(kubeconfig(self.gate.url, api.ca, api.token)))
        address = f"127.0.0.1:{port}"
        command: list[str | Path] = [
            *(PROGRAMS / "jumplab-operator", "run", "--kubeconfig", through_gate),
            *("--listen", address, "--endpoint", address, "--own-namespace", NAMESPACE, "--namespace", NAMESPACE),
            *("--audit-log", self.audit_log),
            *_SHORT,
        ]
        self.process = ControlPlane(command, folder / "control-plane.log", environment)

    def connect(self) -> KubeClient:
        kube = KubeClient(self.api.url, self.api.ca, self.api.token)
        create_namespace(kube)
        apply_crds(kube)
        self.gate.start()
        self.process.start()
        return kube

    def close(self) -> None:
        super().close()
        self.gate.stop()


def create_namespace(kube: KubeClient) -> None:
    """The namespace that the lab is in."""
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
    kube.create("/api/v1/namespaces", namespace).ok()


def apply_crds(kube: KubeClient) -> None:
    """The checked-in definitions, served when this returns."""
    definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    for file in sorted(CRDS.glob("*.yaml")):
        manifest = yaml.safe_load(file.read_text())
        assert kube.create(definitions, manifest).code in (201, 409)
        while kube.get(f"/apis/jumpstarter.dev/v1alpha1/{manifest['spec']['names']['plural']}").code != 200:
            pass  # each answer is the wait: served within a second of its creation
