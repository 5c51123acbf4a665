"""From applying a Lease to its being Ready, in labs of several sizes."""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tools.bench.lab import LABELS, Lab, place
from tools.bench.populated import CLIENT, populated
from tools.bench.report import say
from tools.bench.timing import milliseconds, quantile
from tools.bench.work import Rounds

_STEP_BOUND_SECONDS = 60

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
    with tempfile.TemporaryDirectory(prefix="jumplab-bench-") as folder, populated(count, Path(folder)) as lab:
        times = [_apply_to_ready(lab, f"lease-{number}") for number in range(leases)]
    p50, p99 = (milliseconds(quantile(times, part)) for part in (0.5, 0.99))
    return {"api": lab.api, str(count): {"p50_ms": p50, "p99_ms": p99}}


def _apply_to_ready(lab: Lab, name: str) -> float:
    """Seconds from sending a Lease to seeing it Ready on a watch; it is released afterwards, and cleaned up after."""
    spec = {"clientRef": {"name": CLIENT}, "selector": {"matchLabels": LABELS}, "duration": "10m"}
    begin = time.perf_counter()
    ready = _watched(lab, "leases", lab.create("Lease", name, spec), is_ready)
    took = time.perf_counter() - begin
    lab.kube.delete(place("leases", name)).ok()
    exporter = lab.kube.get(place("exporters", ready["status"]["exporterRef"]["name"])).ok()
    if not is_free(exporter):
        _watched(lab, "exporters", exporter, is_free)
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


def is_ready(lease: Plain) -> bool:
    conditions = lease.get("status", {}).get("conditions", [])
    return any(condition["type"] == "Ready" and condition["status"] == "True" for condition in conditions)


def is_free(exporter: Plain) -> bool:
    status = exporter.get("status", {})
    return "leaseRef" not in status and status.get("exporterStatus") == "Available"
