"""Control planes to measure: all of it in one process, and the operator on a real kube-apiserver."""

import base64
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jumplab_operator.control_plane import crd_manifests
from jumplab_operator.controller.keys import AUTHORITY_CERTIFICATE
from jumplab_operator.kept_keys import KEYS_SECRET
from tests.kube.client import KubeClient
from tests.kube.processes import Process, free_ports
from tests.kube.servers import ASSETS, RealKubeApi
from tools.bench.processes import program, running
from tools.bench.waiting import wait_until

NAMESPACE = "default"
LABELS = {"board": "bench"}
_OPERATOR_NAMESPACE = "jumplab"
_GROUP = "/apis/jumpstarter.dev/v1alpha1"
_CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
_RUNNING = "Jumplab is running"
_ESTABLISHING_BOUND_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Lab:
    """A control plane that runs.

    api: which Kubernetes API it works on, for the report.  ca, token: how it lets an administrator in.
    endpoint, ca_pem: the controller's.  operator: the process that decides.
    """

    api: str
    kube: KubeClient
    ca: Path
    token: str
    endpoint: str
    ca_pem: bytes
    operator: Process

    def create(self, kind: str, name: str, spec: Mapping[str, Any]) -> dict[str, Any]:
        """Makes an Exporter, a Client or a Lease: the object as the API answers it."""
        metadata = {"name": name, "labels": LABELS if kind == "Exporter" else {}}
        body = {"apiVersion": "jumpstarter.dev/v1alpha1", "kind": kind, "metadata": metadata, "spec": spec}
        created: dict[str, Any] = self.kube.create(place(f"{kind.lower()}s"), body).ok()
        return created

    def tokens(self, kind: str) -> dict[str, str]:
        """The credentials that the operator has made so far, by the names of their Exporters or Clients."""
        suffix = f"-{kind.lower()}"
        secrets = self.kube.get(f"/api/v1/namespaces/{NAMESPACE}/secrets").ok()["items"]
        named = {str(secret["metadata"]["name"]): secret for secret in secrets}
        return {
            name.removesuffix(suffix): _content(secret, "token").decode()
            for name, secret in named.items()
            if name.endswith(suffix)
        }


def place(plural: str, name: str = "") -> str:
    """The URL path of our resources of a kind, or of one of them."""
    return f"{_GROUP}/namespaces/{NAMESPACE}/{plural}" + (f"/{name}" if name else "")


@contextmanager
def one_machine(folder: Path, *, wrapper: Sequence[str] = ()) -> Iterator[Lab]:
    """`jumplab-operator standalone` in a process of its own.  wrapper: a command that the operator is started by."""
    port, grpc_port = free_ports(2)
    data = folder / "data"
    ports = [f"--port={port}", f"--grpc-port={grpc_port}"]
    command: list[str | Path] = [*wrapper, program("jumplab-operator"), "standalone", f"--data-dir={data}", *ports]
    with running(command, folder / "operator.log", until=_RUNNING) as operator:
        authority, token = data / "ca.crt", (data / "admin.token").read_text().strip()
        with closing(KubeClient(f"https://127.0.0.1:{port}", authority, token)) as kube:
            endpoint = f"127.0.0.1:{grpc_port}"
            yield Lab("standalone", kube, authority, token, endpoint, authority.read_bytes(), operator)


@contextmanager
def on_cluster(folder: Path) -> Iterator[Lab]:
    """`jumplab-operator run` in a process of its own, on a real kube-apiserver with etcd."""
    with cluster(folder / "kube") as api, operator_on(api, folder) as lab:
        yield lab


@contextmanager
def cluster(folder: Path) -> Iterator[RealKubeApi]:
    """A real kube-apiserver with etcd that serves our resources."""
    with RealKubeApi(folder) as api:
        with closing(KubeClient(api.url, api.ca, api.token)) as kube:
            _install(kube)
        yield api


@contextmanager
def operator_on(api: RealKubeApi, folder: Path, *, wrapper: Sequence[str] = (), health: str = "") -> Iterator[Lab]:
    """`jumplab-operator run` on an API that serves our resources.  health: `host:port` of the probes; empty: none."""
    with closing(KubeClient(api.url, api.ca, api.token)) as kube:
        (port,) = free_ports(1)
        endpoint = f"127.0.0.1:{port}"
        options = [f"--kubeconfig={api.kubeconfig}", f"--listen={endpoint}", f"--endpoint={endpoint}"]
        command: list[str | Path] = [
            *wrapper,
            program("jumplab-operator"),
            "run",
            *options,
            *([f"--health={health}"] if health else []),
        ]
        with running(command, folder / "operator.log", until=_RUNNING) as operator:
            keys = kube.get(f"/api/v1/namespaces/{_OPERATOR_NAMESPACE}/secrets/{KEYS_SECRET}").ok()
            version = kube.get("/version").ok()["gitVersion"]
            authority = _content(keys, AUTHORITY_CERTIFICATE)
            yield Lab(f"kube-apiserver {version}", kube, api.ca, api.token, endpoint, authority, operator)


@contextmanager
def closest_to_a_cluster(folder: Path) -> Iterator[Lab]:
    """On a real kube-apiserver where there is one (KUBEBUILDER_ASSETS), else on one machine."""
    with ExitStack() as stack:
        yield stack.enter_context(on_cluster(folder) if ASSETS else one_machine(folder))


def _install(kube: KubeClient) -> None:
    """Custom resource definitions, served; and the namespace of the operator's keys."""
    body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": _OPERATOR_NAMESPACE}}
    kube.create("/api/v1/namespaces", body).ok()
    for manifest in crd_manifests():
        kube.create(_CRDS, manifest).ok()
        plural = manifest["spec"]["names"]["plural"]
        wait_until(
            lambda: kube.get(place(plural)).code == 200,  # noqa: B023 - it is called in this round alone
            f"serving {plural}",
            _ESTABLISHING_BOUND_SECONDS,
        )


def _content(secret: Mapping[str, Any], key: str) -> bytes:
    return base64.b64decode(secret["data"][key])
