"""The coordination Lease (coordination.k8s.io/v1) with the leader: read from and written as a plain object."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

NAME = "jumplab-operator"
LEASES = "/apis/coordination.k8s.io/v1"
DURATION = timedelta(seconds=7)
"""How long the others wait after the last renewal of a Lease."""


@dataclass(frozen=True, slots=True)
class Record:
    """holder: the leader; empty: nobody.  transitions: how often that has changed.  version: the resource version."""

    holder: str
    duration: timedelta
    transitions: int
    version: str


def read(plain: Mapping[str, Any]) -> Record:
    """The Lease as it is in the API, whoever wrote it."""
    spec = plain.get("spec") or {}
    return Record(
        holder=spec.get("holderIdentity") or "",
        duration=timedelta(seconds=spec.get("leaseDurationSeconds") or 0),
        transitions=spec.get("leaseTransitions") or 0,
        version=plain["metadata"]["resourceVersion"],
    )


def first(holder: str, now: datetime) -> dict[str, Any]:
    """The Lease where there was none."""
    return {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": NAME},
        "spec": _holder_spec(holder, 0, now),
    }


def acquired(before: Record, holder: str, now: datetime) -> dict[str, Any]:
    """The merge patch by which `holder` comes to lead; refused where the Lease has changed since."""
    return _patch(before, _holder_spec(holder, before.transitions + (before.holder != holder), now))


def renewed(before: Record, now: datetime) -> dict[str, Any]:
    """The merge patch by which the holder goes on leading."""
    return _patch(before, {"renewTime": _micro_time(now)})


def given_up(before: Record, now: datetime) -> dict[str, Any]:
    """The merge patch by which the holder leaves: another may lead at once."""
    return _patch(before, {"holderIdentity": None, "renewTime": _micro_time(now)})


def _patch(before: Record, spec: Mapping[str, Any]) -> dict[str, Any]:
    return {"metadata": {"resourceVersion": before.version}, "spec": spec}


def _holder_spec(holder: str, transitions: int, now: datetime) -> dict[str, Any]:
    return {
        "holderIdentity": holder,
        "leaseDurationSeconds": int(DURATION.total_seconds()),
        "acquireTime": _micro_time(now),
        "renewTime": _micro_time(now),
        "leaseTransitions": transitions,
    }


def _micro_time(moment: datetime) -> str:
    """As Kubernetes' MicroTime: it refuses instants without six digits of a second."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
