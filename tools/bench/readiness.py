"""From applying a Lease to its being Ready, in labs of several sizes."""

import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from jumplab.client.places import write_private
from tools.bench.fleet import Fleet
from tools.bench.lab import LABELS, NAMESPACE, Lab, closest_to_a_cluster, place
from tools.bench.processes import running
from tools.bench.report import say
from tools.bench.timing import milliseconds, quantile
from tools.bench.waiting import wait_until
from tools.bench.work import Rounds

_CLIENT = "ci"
_SETTING_UP_BOUND_SECONDS = 600.0
_STEP_BOUND_SECONDS = 60
# Listing a thousand exporters is work for the API server, which has better things to do meanwhile.
_LOOK_SECONDS = 1.0

Plain = dict[str, Any]


def figures(rounds: Rounds) -> Plain:
    """Each size in a control plane of its own: `api` names its Kubernetes API, the other keys are the sizes.

    A size that takes too long on this machine is told and left out.
    """
    found: Plain = {}
    for count in rounds.exporters:
        try:
            found |= _figures_of(count, rounds.leases)
        except TimeoutError as error:
            say(f"  left out: {error}")
    return found


def _figures_of(count: int, leases: int) -> Plain:
    with tempfile.TemporaryDirectory(prefix="jumplab-bench-") as folder, _lab_of(count, Path(folder)) as lab:
        times = [_apply_to_ready(lab, f"lease-{number}") for number in range(leases)]
    p50, p99 = (milliseconds(quantile(times, part)) for part in (0.5, 0.99))
    return {"api": lab.api, str(count): {"p50_ms": p50, "p99_ms": p99}}


@contextmanager
def _lab_of(count: int, folder: Path) -> Iterator[Lab]:
    """A lab in which `count` simulated exporters are available."""
    with closest_to_a_cluster(folder) as lab:
        say(f"apply to Ready on {lab.api}: {count} exporter{'' if count == 1 else 's'}")
        lab.create("Client", _CLIENT, {})
        for number in range(count):
            lab.create("Exporter", f"bench-{number}", {})
        _wait(lambda: len(lab.tokens("Exporter")), count, "credentials")
        file = folder / "fleet.json"
        fleet = Fleet(lab.endpoint, lab.ca_pem.decode(), NAMESPACE, lab.tokens("Exporter"))
        write_private(file, fleet.to_json())
        with running([sys.executable, "-m", "tools.bench.fleet", file], folder / "fleet.log"):
            _wait(lambda: _available(lab), count, "exporters available")
            yield lab


def _wait(present: Callable[[], int], count: int, what: str) -> None:
    wait_until(
        lambda: present() == count,
        f"{count} {what}",
        _SETTING_UP_BOUND_SECONDS,
        every_seconds=_LOOK_SECONDS,
        tell=lambda: say(f"  {present()} of {count} {what}"),
    )


def _available(lab: Lab) -> int:
    exporters = lab.kube.get(place("exporters")).ok()["items"]
    return sum(exporter.get("status", {}).get("exporterStatus") == "Available" for exporter in exporters)


def _apply_to_ready(lab: Lab, name: str) -> float:
    """Seconds from sending a Lease to seeing it Ready on a watch; it is released afterwards, and cleaned up after."""
    spec = {"clientRef": {"name": _CLIENT}, "selector": {"matchLabels": LABELS}, "duration": "10m"}
    begin = time.perf_counter()
    ready = _watched(lab, "leases", lab.create("Lease", name, spec), _is_ready)
    took = time.perf_counter() - begin
    lab.kube.delete(place("leases", name)).ok()
    exporter = lab.kube.get(place("exporters", ready["status"]["exporterRef"]["name"])).ok()
    if not _is_free(exporter):
        _watched(lab, "exporters", exporter, _is_free)
    return took


def _watched(lab: Lab, plural: str, since: Plain, holds: Callable[[Plain], bool]) -> Plain:
    """The first later state of the object that is as asked. Raises TimeoutError."""
    name, version = since["metadata"]["name"], since["metadata"]["resourceVersion"]
    only = f"fieldSelector=metadata.name%3D{name}&timeoutSeconds={_STEP_BOUND_SECONDS}"
    with lab.kube.watch(f"{place(plural)}?watch=1&resourceVersion={version}&{only}") as events:
        for event in events:
            state: Plain = event["object"]
            if holds(state):
                return state
    raise TimeoutError(f"{plural}/{name} did not get there within {_STEP_BOUND_SECONDS} s")


def _is_ready(lease: Plain) -> bool:
    conditions = lease.get("status", {}).get("conditions", [])
    return any(condition["type"] == "Ready" and condition["status"] == "True" for condition in conditions)


def _is_free(exporter: Plain) -> bool:
    status = exporter.get("status", {})
    return "leaseRef" not in status and status.get("exporterStatus") == "Available"
