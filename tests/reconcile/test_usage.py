"""What clients have used, from Leases and from the histories of exporters: each lease once, in whatever order."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from jumplab_operator.clock import SystemClock
from jumplab_operator.kube.event_recorder import EventRecorder
from jumplab_operator.kube.object_store import ObjectStore
from jumplab_operator.leasing.model.usage import hour_of
from jumplab_operator.reconcile.composition.manager import Manager
from jumplab_operator.reconcile.context.connections import Connections
from jumplab_operator.reconcile.context.context import Cluster
from jumplab_operator.reconcile.context.ended_leases import EndedLeases
from jumplab_operator.reconcile.context.pauses import Pauses
from jumplab_operator.reconcile.context.settings import LabSettings
from jumplab_operator.reconcile.context.workqueue import WorkQueue
from jumplab_operator.reconcile.lease_steps.credentials import Credentials
from jumplab_operator.reconcile.scheduling.scheduler_loop import SchedulerLoop
from jumplab_operator.resources import Exporter, Lease
from jumplab_operator.resources.metadata import format_instant
from tests.reconcile.faults.api import NAMESPACE, FaultyApi, Plain, Store
from tests.reconcile.world import Tokens

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)
EXPORTERS = ("a", "b", "c")
SETTINGS = LabSettings(endpoint="lab:7444")


class Noon(SystemClock):
    """It is always noon."""

    def now(self) -> datetime:
        return NOON


class Planner:
    """What an operator knows and counts, without an API: it is told by hand, and plans when it is told to."""

    def __init__(self) -> None:
        kube, clock = FaultyApi(Store(lambda: NOON)), Noon()
        queue = WorkQueue(clock)
        presence = Connections(NOON, SETTINGS.connection_grace, SETTINGS.return_within)
        events = EventRecorder(kube, clock, queue.calm, SETTINGS.attach_first)
        self.objects = ObjectStore()
        ended = EndedLeases(SETTINGS.ended_of_client, SETTINGS.ended_of_namespace)
        self.cluster = Cluster(kube, SETTINGS, clock, self.objects, presence, queue, events, Pauses(clock), ended)
        self.scheduler_loop = SchedulerLoop(self.cluster)
        credentials = Credentials(kube, Tokens(), "", self.cluster.callers, clock)
        self.manager = Manager(self.cluster, self.scheduler_loop, credentials)

    def used(self, client: str) -> int:
        """The seconds that count for the client."""
        self.scheduler_loop.plan()
        index = self.scheduler_loop._scheduler.of(NAMESPACE).index
        return index.usage.seconds(client, hour_of(NOON))  # type: ignore[arg-type]


class Reality:
    """Objects whose states come one after the other."""

    def __init__(self) -> None:
        self.version = 0
        self.histories: dict[str, list[Plain]] = {name: [] for name in EXPORTERS}

    def exporter(self, name: str) -> Plain:
        return self._object("Exporter", name, f"exporter-{name}", {}, {"history": list(self.histories[name])})

    def lease(self, past: dict[str, Any], *, ended: bool) -> Plain:
        spec = {"clientRef": {"name": past["client"]}, "duration": "10h", "selector": {"matchLabels": {"a": "b"}}}
        several = [{"name": name, "exporterRef": {"name": name}} for name in past["exporters"]]
        status = {
            "accepted": spec,
            "exporterRef": several[0]["exporterRef"],
            "exporters": several,
            "beginTime": format_instant(past["began"]),
            "expectedEndTime": format_instant(past["ended"]),
        }
        if ended:
            ready = {"type": "Ready", "status": "False", "reason": "Released", "message": "released by its holder"}
            status |= {"ended": True, "endTime": format_instant(past["ended"]), "conditions": [ready]}
        return self._object("Lease", past["name"], past["uid"], spec, status)

    def record(self, past: dict[str, Any], exporter: str) -> Plain:
        entry = {
            "lease": past["name"],
            "uid": past["uid"],
            "client": past["client"],
            "began": format_instant(past["began"]),
            "ended": format_instant(past["ended"]),
            "reason": "Released",
        }
        self.histories[exporter].append(entry)
        return self.exporter(exporter)

    def _object(self, kind: str, name: str, uid: str, spec: Plain, status: Plain) -> Plain:
        self.version += 1
        metadata = {"name": name, "namespace": NAMESPACE, "uid": uid, "resourceVersion": str(self.version)}
        created = format_instant(NOON - timedelta(hours=23))
        return {"kind": kind, "metadata": {**metadata, "creationTimestamp": created}, "spec": spec, "status": status}


@st.composite
def pasts(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Leases that are over, some of them gangs, of two clients, within the window."""
    found = []
    for number in range(draw(st.integers(1, 5))):
        began = NOON - timedelta(minutes=draw(st.integers(61, 22 * 60)))
        exporters = draw(st.lists(st.sampled_from(EXPORTERS), min_size=1, max_size=3, unique=True))
        found.append(
            {
                "uid": f"lease-{number}",
                "name": f"l{draw(st.integers(0, 2))}-{number}",
                "client": draw(st.sampled_from(["ci", "ann"])),
                "exporters": exporters,
                "began": began,
                "ended": began + timedelta(minutes=draw(st.integers(1, 60))),
            }
        )
    return found


@given(pasts(), st.data())
@settings(deadline=None)
def test_each_lease_is_counted_once_in_whatever_order_its_traces_come_and_go(
    leases: list[dict[str, Any]], data: st.DataObject
) -> None:
    planner, reality = Planner(), Reality()
    for name in EXPORTERS:
        planner.objects.put(Exporter, reality.exporter(name))
    steps = [(past, step) for past in leases for step in ("ends", "goes", *past["exporters"])]
    for past, step in data.draw(st.permutations(steps)):
        if step == "ends":
            planner.objects.put(Lease, reality.lease(past, ended=True))
        elif step == "goes":
            planner.objects.drop(past["uid"])
        else:
            planner.objects.put(Exporter, reality.record(past, step))
        if data.draw(st.booleans()):
            planner.scheduler_loop.plan()
    restarted = Planner()
    for name in EXPORTERS:
        restarted.objects.put(Exporter, reality.exporter(name))
    expected = Counter[str]()
    for past in leases:
        expected[past["client"]] += len(past["exporters"]) * int((past["ended"] - past["began"]).total_seconds())
    for client in ("ci", "ann"):
        assert planner.used(client) == restarted.used(client) == expected[client]


@given(pasts(), st.data())
@settings(deadline=None)
def test_a_lease_counts_the_same_while_its_object_and_its_histories_are_there(
    leases: list[dict[str, Any]], data: st.DataObject
) -> None:
    """At each moment from its end on: as it stays, as it is recorded, as it goes, and after a restart."""
    planner, reality = Planner(), Reality()
    expected = Counter[str]()
    for past in leases:
        expected[past["client"]] += len(past["exporters"]) * int((past["ended"] - past["began"]).total_seconds())
        planner.objects.put(Lease, reality.lease(past, ended=True))
    steps = [(past, step) for past in leases for step in ("goes", *past["exporters"])]
    for past, step in data.draw(st.permutations(steps)):
        if step == "goes":
            planner.objects.drop(past["uid"])
        else:
            planner.objects.put(Exporter, reality.record(past, step))
        assert {client: planner.used(client) for client in expected} == expected


def test_an_exporter_that_is_deleted_takes_its_history_along() -> None:
    planner, reality = Planner(), Reality()
    past = {
        "uid": "lease-1",
        "name": "l",
        "client": "ci",
        "exporters": ["a"],
        "began": NOON - timedelta(hours=2),
        "ended": NOON - timedelta(hours=1),
    }
    planner.objects.put(Exporter, reality.record(past, "a"))
    assert planner.used("ci") == 3600
    planner.objects.drop("exporter-a")
    assert planner.used("ci") == 0


def test_what_lies_too_long_back_is_not_remembered() -> None:
    planner, reality = Planner(), Reality()
    ended = NOON - timedelta(days=3)
    past = {
        "uid": "lease-1",
        "name": "l",
        "client": "ci",
        "exporters": ["a"],
        "began": ended - timedelta(hours=1),
        "ended": ended,
    }
    planner.objects.put(Exporter, reality.record(past, "a"))
    planner.objects.put(Lease, reality.lease(past, ended=True))
    assert planner.used("ci") == 0
    assert planner.cluster.past.usage("lease-1") is None
    index = planner.scheduler_loop._scheduler.of(NAMESPACE).index
    assert list(index.facts) == ["exporter-a"]


def test_planning_carries_no_lease_that_has_ended() -> None:
    """Only what was used of late is counted, by the hour."""
    planner, reality = Planner(), Reality()
    ended = NOON - timedelta(hours=1)
    for number in range(100):
        past = {"uid": f"lease-{number}", "name": f"l{number}", "client": "ci", "exporters": ["a"]}
        times = {"began": ended - timedelta(minutes=1), "ended": ended}
        planner.objects.put(Lease, reality.lease({**past, **times}, ended=True))
    assert planner.used("ci") == 6000
    index = planner.scheduler_loop._scheduler.of(NAMESPACE).index
    assert (len(index.leases), index.due, len(index.claims.by_lease)) == (0, None, 0)
