"""Labs that are attacked: an operator with 1,024 descriptors, two exporters, and a lease of each side."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jumplab.private_files import write_private
from jumplab.transport.endpoint import Endpoint, Identity, Tls
from tests.kube.processes import free_ports
from tests.kube.servers import RealKubeApi
from tools.abuse.target import CLIENT, EXPORTER, NAMESPACE, Target
from tools.bench.fleet import AVAILABLE, Fleet
from tools.bench.lab import LABELS, Lab, one_machine, operator_on, place
from tools.bench.processes import running
from tools.bench.waiting import wait_until

HONEST = "honest"
LEASE = "kept"
_OWN_LEASE = "own"
_EXPORTERS = ("bench-0", "bench-1")
_DESCRIPTORS = 1024
_WRAPPER = ("sh", "-c", f'ulimit -n {_DESCRIPTORS} && exec "$0" "$@"')
_BOUND_SECONDS = 240.0


@dataclass(frozen=True, slots=True)
class Battlefield:
    """folder: of the operator's data, where the API is its own."""

    lab: Lab
    target: Target
    honest: Identity
    folder: Path

    @property
    def endpoint(self) -> Endpoint:
        return Endpoint(self.lab.endpoint, Tls(ca_pem=self.lab.ca_pem))

    def kept(self) -> dict[str, Any]:
        """All that no attack may change: the uids of objects by kind and name, and the state of the honest lease."""
        found: dict[str, Any] = {}
        for plural in ("exporters", "clients"):
            for each in self.lab.kube.get(place(plural)).ok()["items"]:
                found[f"{plural} {each['metadata']['name']}"] = each["metadata"]["uid"]
        lease = self.lab.kube.get(place("leases", LEASE)).ok()
        found[f"leases {LEASE}"] = lease["metadata"]["uid"]
        found["exporter of the lease"] = lease["status"].get("exporterRef")
        found["the lease has ended"] = lease["status"].get("ended", False)
        found["conditions of the lease"] = {each["type"]: each["status"] for each in lease["status"]["conditions"]}
        return found

    def database_bytes(self) -> int:
        """The size of the standalone API's data; 0 on a cluster."""
        return sum(file.stat().st_size for file in self.folder.glob("data/api.sqlite3*"))


@contextmanager
def standalone(folder: Path) -> Iterator[Battlefield]:
    with one_machine(folder, wrapper=_WRAPPER) as lab:
        api = lab.kube.url.removeprefix("https://")
        with _prepared(lab, folder, api=api) as field:
            yield field


@contextmanager
def on_cluster(api: RealKubeApi, folder: Path) -> Iterator[Battlefield]:
    """Of an API that serves our resources; all leases, clients and exporters there are deleted first."""
    (port,) = free_ports(1)
    health = f"127.0.0.1:{port}"
    with operator_on(api, folder, wrapper=_WRAPPER, health=health) as lab:
        for plural in ("leases", "clients", "exporters"):
            lab.kube.delete(place(plural)).ok()
        lab.kube.delete(f"/api/v1/namespaces/{NAMESPACE}/secrets").ok()  # no controller manager collects them here
        wait_until(lambda: not (lab.tokens("Client") or lab.tokens("Exporter")), "an empty lab", _BOUND_SECONDS)
        with _prepared(lab, folder, health=health) as field:
            yield field


@contextmanager
def _prepared(lab: Lab, folder: Path, *, api: str = "", health: str = "") -> Iterator[Battlefield]:
    for name in (HONEST, CLIENT):
        lab.create("Client", name, {})
    for name in (*_EXPORTERS, EXPORTER):
        lab.create("Exporter", name, {})
    wait_until(lambda: len(lab.tokens("Exporter")) == 3 and len(lab.tokens("Client")) == 2, "tokens", _BOUND_SECONDS)
    clients, exporters = lab.tokens("Client"), lab.tokens("Exporter")
    ca_pem = lab.ca_pem.decode()
    target = Target(lab.endpoint, api, health, ca_pem, clients[CLIENT], exporters[EXPORTER], _OWN_LEASE)
    (folder / "target.json").write_text(target.to_json())
    fleet = Fleet(lab.endpoint, ca_pem, NAMESPACE, {name: exporters[name] for name in _EXPORTERS})
    write_private(folder / "fleet.json", fleet.to_json().encode())
    command: list[str | Path] = [sys.executable, "-m", "tools.bench.fleet", folder / "fleet.json"]
    with running(command, folder / "fleet.log", until=AVAILABLE):
        for lease, client in ((LEASE, HONEST), (_OWN_LEASE, CLIENT)):
            lab.create("Lease", lease, _spec(client))
            wait_until(lambda: _is_ready(lab, lease), f"lease {lease}", _BOUND_SECONDS)  # noqa: B023 - called here alone
        yield Battlefield(lab, target, Identity(NAMESPACE, "Client", HONEST, clients[HONEST]), folder)


def _spec(client: str) -> dict[str, Any]:
    return {"clientRef": {"name": client}, "duration": "4h", "selector": {"matchLabels": LABELS}}


def _is_ready(lab: Lab, lease: str) -> bool:
    conditions = lab.kube.get(place("leases", lease)).ok().get("status", {}).get("conditions", [])
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)
