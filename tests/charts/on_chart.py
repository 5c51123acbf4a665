"""A home of a lab: operators run as the chart's Deployment says, each as a pod of its own under the chart's rights."""

from __future__ import annotations

from pathlib import Path

import yaml

from tests.charts.cluster import Cluster
from tests.charts.matrix import JUMPLAB, Plain, objects, one
from tests.kube.client import KubeClient
from tests.kube.processes import Process, free_ports
from tests.kube.servers import kubeconfig
from tests.lab.homes import NAMESPACE, PROGRAMS

CONTROL = "control"
"""The namespace of the control plane."""


class OnChart:
    """Pods that all listen at one address, as behind a Service: the one that leads does, the others do not."""

    def __init__(self, cluster: Cluster, folder: Path, replicas: int = 1, namespace: str = CONTROL) -> None:
        self._cluster = cluster
        self._namespace = namespace
        self.kubeconfig = cluster.api.kubeconfig
        self._folder = folder
        self._replicas = replicas
        (port,) = free_ports(1)
        self.endpoint = f"127.0.0.1:{port}"
        self.pods: dict[str, Process] = {}

    @property
    def process(self) -> Process:
        """The pod that leads."""
        return self.pods[str(self.lead()["holderIdentity"])]

    def lead(self) -> Plain:
        """The spec of the coordination Lease."""
        where = f"/apis/coordination.k8s.io/v1/namespaces/{self._namespace}/leases/jumplab-operator"
        spec: Plain = self._cluster.admin.get(where).ok()["spec"]
        return spec

    def take_lead(self, name: str) -> None:
        """Writes somebody else into the coordination Lease."""
        where = f"/apis/coordination.k8s.io/v1/namespaces/{self._namespace}/leases/jumplab-operator"
        self._cluster.admin.patch(where, {"spec": {"holderIdentity": name}}).ok()

    def connect(self) -> KubeClient:
        self._cluster.namespace(NAMESPACE)
        self.install({"endpoint": self.endpoint})
        return KubeClient(self._cluster.api.url, self._cluster.api.ca, self._cluster.api.token)

    def install(self, values: Plain) -> None:
        """Installs the chart with these values, and starts the pods of its Deployment."""
        self._cluster.namespace(self._namespace)
        with self._cluster.helm(self._namespace) as releases:
            values = {**values, "crds": {"keep": False}, "replicas": self._replicas}
            manifest = releases.install(JUMPLAB, "jumplab", values)["manifest"]
        self._cluster.until_served("clients", "exporters", "leases", "exporteraccesspolicies")
        deployment = one(objects(manifest), "Deployment")["spec"]
        for number in range(deployment["replicas"]):
            self._make(f"jumplab-{number}", deployment["template"]["spec"])
        self.start()

    def _make(self, name: str, spec: Plain) -> None:
        made = {"kind": "Pod", "metadata": {"name": name}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
        self._cluster.admin.create(f"/api/v1/namespaces/{self._namespace}/pods", made).ok()
        token = self._cluster.token(self._namespace, spec["serviceAccountName"])
        own = self._folder / f"{name}.kubeconfig"
        own.write_text(yaml.safe_dump(kubeconfig(self._cluster.api.url, self._cluster.api.ca, token)))
        (health,) = free_ports(1)
        here = {
            "--listen=0.0.0.0:7444": f"--listen={self.endpoint}",
            "--health=0.0.0.0:8080": f"--health=127.0.0.1:{health}",
            "--pod=$(POD_NAME)": f"--pod={name}",
        }
        arguments = spec["containers"][0]["args"]
        assert set(here) <= set(arguments)
        command = [PROGRAMS / "jumplab-operator", *(here.get(it, it) for it in arguments), f"--kubeconfig={own}"]
        self.pods[name] = Process(command, self._folder / f"{name}.log")

    def start(self) -> None:
        """Starts the pods one after another: the first leads."""
        for pod in self.pods.values():
            pod.start()
            pod.wait_until(lambda pod=pod: _started(pod), "its start")  # type: ignore[misc]  # a default is no argument

    def kill(self) -> None:
        for pod in self.pods.values():
            pod.kill()

    def close(self) -> None:
        for name, pod in self.pods.items():
            pod.stop()
            self._cluster.admin.delete(
                f"/api/v1/namespaces/{self._namespace}/pods/{name}", {"gracePeriodSeconds": 0}
            ).ok()
        with self._cluster.helm(self._namespace) as releases:
            releases.uninstall("jumplab")


def _started(pod: Process) -> bool:
    output = pod.output()
    return "Jumplab is running" in output or "standing by" in output
