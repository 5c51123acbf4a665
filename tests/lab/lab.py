"""A lab of real processes: a control plane, exporters beside it, and what a test asks of its Kubernetes API.

    lab.exporter("bench-1", board="a")
    lab.lease("demo", board="a")
    lab.until_ready("demo")
    with jumplab.attach("demo", client=lab.config) as root:
        root.board.power.on()

Everything that is waited for is watched through the API or read in a process's output. Only the lab's own processes are
ended, by their ids.
"""

from __future__ import annotations

import base64
import contextlib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import urllib3
import yaml

from jumplab.client.config import ClientConfig, Metadata
from tests.kube.client import Answer, KubeClient
from tests.kube.processes import Process
from tests.lab.homes import NAMESPACE, PROGRAMS, Home
from tests.lab.people import Person

GROUP = "jumpstarter.dev/v1alpha1"
BOUND_SECONDS = 240
Plain = dict[str, Any]

ENDINGS = {"Released", "Expired", "ExporterDeleted", "ExporterFailed", "Abandoned", "Preempted"}
VIRTUAL_BOARD: Plain = {"board": {"type": "jumplab_exporter.drivers.board.virtual.VirtualBoard"}}


@dataclass
class Lab:
    """A running lab. `config` is the configuration of its client "ci"; `ci` the person who uses it."""

    home: Home
    folder: Path
    exporters: dict[str, Process] = field(default_factory=dict)

    def __enter__(self) -> Self:
        os.environ["JUMPLAB_ALWAYS_ROUTE"] = "1"  # all of it is on one machine, and the router is to be tried
        self.kube: KubeClient = self.home.connect()
        self.kube.create(
            "/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
        )
        self.config = self.client("ci")
        self.ci = self.person("ci", self.config)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for exporter in self.exporters.values():
            exporter.kill()  # nothing is leased any more, and each goodbye would take its time
        self.home.close()
        self.kube.close()

    # People

    def person(self, name: str, config: ClientConfig | None = None) -> Person:
        """Somebody with a home of their own, and with a client configuration where one is given."""
        home = self.folder / "home" / name
        home.mkdir(parents=True, exist_ok=True)
        person = Person(home, self.home.kubeconfig)
        if config is not None:
            person.configure(config)
        return person

    def client(self, name: str) -> ClientConfig:
        """A new Client, as the configuration that it can use."""
        self.create("Client", name, {})
        return ClientConfig(metadata=Metadata(namespace=NAMESPACE, name=name), **self.credential("clients", name))

    def credential(self, plural: str, name: str) -> Plain:
        """The keys endpoint, token and tls of a configuration file, once the operator has made the credential."""
        made = self.until(plural, name, lambda it: it["status"]["endpoint"] and it["status"]["credential"])
        data = self.get("secrets", made["status"]["credential"]["name"])["data"]
        token = base64.b64decode(data["token"]).decode()
        return {"endpoint": made["status"]["endpoint"], "token": token, "tls": {"ca": data["ca.crt"]}}

    # Exporters

    def exporter(
        self,
        name: str,
        *,
        export: Plain | None = None,
        board: str = "",
        environment: Mapping[str, str] | None = None,
        **keys: Any,
    ) -> Process:
        """A new Exporter with a running process that is Available.

        board: its label, else its name.  environment: more of it for the process.  keys: of the configuration file.
        """
        self.create("Exporter", name, {}, {"board": board or name})
        return self.run_exporter(name, self.exporter_config(name, export=export, **keys), environment)

    def run_exporter(self, name: str, config: Path, environment: Mapping[str, str] | None = None) -> Process:
        """A process for an Exporter that exists, Available when this returns."""
        process = Process([PROGRAMS / "jumplab-exporter", "run", config], config.with_suffix(".log"), environment)
        self.exporters[name] = process
        process.start()
        self.until_available(name)
        return process

    def exporter_config(self, name: str, *, export: Plain | None = None, **keys: Any) -> Path:
        """Writes the configuration file of an Exporter that exists."""
        document = {
            "apiVersion": GROUP,
            "kind": "ExporterConfig",
            "metadata": {"namespace": NAMESPACE, "name": name},
            **self.credential("exporters", name),
            "export": VIRTUAL_BOARD if export is None else export,
            **keys,
        }
        path = self.folder / f"{name}.yaml"
        path.write_text(yaml.safe_dump(document))
        return path

    def until_available(self, name: str) -> Plain:
        """The exporter, once it is free for the next lease."""

        def is_free(status: Plain) -> bool:
            return status["exporterStatus"] == "Available" and "leaseRef" not in status

        return self.until("exporters", name, lambda it: is_free(it["status"]))

    # Leases

    def lease(self, name: str, *, board: str = "", client: str = "ci", **spec: Any) -> Plain:
        """A new Lease, 10 minutes long unless told otherwise."""
        asked: Plain = {"clientRef": {"name": client}, "duration": "10m", **spec}
        if "exporterRef" not in asked:
            asked["selector"] = {"matchLabels": {"board": board}}
        return self.create("Lease", name, asked)

    def until_ready(self, name: str) -> Plain:
        return self.until("leases", name, lambda it: condition(it, "Ready")["status"] == "True")

    def until_used(self, name: str) -> Plain:
        return self.until("leases", name, lambda it: it["status"]["firstUsedTime"])

    def until_ended(self, name: str) -> Plain:
        return self.until("leases", name, lambda it: it["status"]["ended"])

    def release(self, name: str) -> None:
        self.patch("leases", name, {"spec": {"release": True}}).ok()

    # Any object

    def path(self, plural: str, name: str = "") -> str:
        group = "/api/v1" if plural in ("secrets", "events") else f"/apis/{GROUP}"
        return f"{group}/namespaces/{NAMESPACE}/{plural}" + (f"/{name}" if name else "")

    def create(self, kind: str, name: str, spec: Plain, labels: dict[str, str] | None = None) -> Plain:
        metadata = {"name": name, "labels": labels or {}}
        body = {"apiVersion": GROUP, "kind": kind, "metadata": metadata, "spec": spec}
        created: Plain = self.kube.create(self.path(f"{kind.lower()}s"), body).ok()
        return created

    def get(self, plural: str, name: str) -> Plain:
        found: Plain = self.kube.get(self.path(plural, name)).ok()
        return found

    def list(self, plural: str) -> list[Plain]:
        found: list[Plain] = self.kube.get(self.path(plural)).ok()["items"]
        return found

    def patch(self, plural: str, name: str, change: Plain) -> Answer:
        return self.kube.patch(self.path(plural, name), change)

    def delete(self, plural: str, name: str) -> None:
        self.kube.delete(self.path(plural, name)).ok()

    def until(self, plural: str, name: str, holds: Callable[[Plain], Any]) -> Plain:
        """The object as soon as it is as asked; it is watched. What isn't there yet does not hold."""
        listed = self.kube.get(self.path(plural)).ok()
        last: Plain = next((item for item in listed["items"] if item["metadata"]["name"] == name), {})
        if last and _holds(holds, last):
            return last
        query = f"?watch=1&resourceVersion={listed['metadata']['resourceVersion']}&timeoutSeconds={BOUND_SECONDS}"
        with (
            contextlib.suppress(urllib3.exceptions.ReadTimeoutError),  # nothing has happened for as long
            self.kube.watch(self.path(plural) + query) as events,
        ):
            for event in events:
                if event["object"].get("metadata", {}).get("name") == name:
                    last = event["object"]
                    if event["type"] != "DELETED" and _holds(holds, last):
                        return last
        raise AssertionError(f"{plural}/{name} did not get there in time: {last}\n{self._logs()}")

    def _logs(self) -> str:
        """The ends of what everybody said, for the failing test to show."""
        said = {"control plane": self.home.process, **self.exporters}
        return "\n".join(f"--- {name}\n{process.output()[-3000:]}" for name, process in said.items())


def check_invariants(lab: Lab) -> None:
    """What always holds: an exporter has one lease at most, and a lease that has ended says when and why."""
    leases = lab.list("leases")
    for lease in leases:
        if lease.get("status", {}).get("ended"):
            ready = condition(lease, "Ready")
            assert ready["status"] == "False", lease
            assert ready["reason"] in ENDINGS, lease
            assert ready["message"], lease
            assert lease["status"]["endTime"], lease
    active = [lease.get("status", {}) for lease in leases if not lease.get("status", {}).get("ended")]
    several = [each for status in active for each in status.get("exporters", [])]
    one = [status for status in active if status.get("exporterRef") and not status.get("exporters")]
    holders = [each["exporterRef"]["name"] for each in [*one, *several]]
    assert len(holders) == len(set(holders)), f"exporters with two leases: {sorted(holders)}"


def condition(plain: Plain, kind: str) -> Plain:
    """A condition of an object; raises KeyError where it has none of that kind."""
    found: dict[str, Plain] = {each["type"]: each for each in plain["status"]["conditions"]}
    return found[kind]


def _holds(holds: Callable[[Plain], Any], plain: Plain) -> bool:
    try:
        return bool(holds(plain))
    except KeyError:
        return False
