"""The scheduler alone, without a cluster: 10,000 exporters and as many waiting leases."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from jumplab_operator.leasing.model.facts import ClientFacts, ExporterFacts, LeaseFacts, Request
from jumplab_operator.leasing.model.ids import ClientName, ExporterUid, LeaseUid
from jumplab_operator.leasing.scheduler.scheduler import Changes, LabScheduler
from jumplab_operator.resources import LabelSelector
from tools.bench.timing import milliseconds, quantile, timed

_BOARDS = 10
_CLIENTS = 20
_NOON = datetime(2026, 8, 1, 12, tzinfo=UTC)


def figures(count: int, changes: int) -> dict[str, float]:
    """plan_full_s: `count` free exporters and `count` leases, from scratch; plan_change_ms: one lease more, then gone.

    The median of the changes; the leases wait, since each has been given an exporter that is then held by another.
    """
    scheduler = LabScheduler()
    exporters = [_exporter(number) for number in range(count)]
    clients = [ClientFacts("lab", f"client-{number}", ClientName(f"client-{number}")) for number in range(_CLIENTS)]
    leases = [_lease(number, count) for number in range(count)]
    (full,) = timed(1, lambda: scheduler.apply(Changes(_NOON, [*exporters, *clients, *leases])))
    held = [replace(exporter, claim=LeaseUid(f"other-{number}")) for number, exporter in enumerate(exporters)]
    scheduler.apply(Changes(_NOON, held))
    times = []
    for number in range(changes):
        lease = _lease(count + number, count)
        times += timed(1, lambda: scheduler.apply(Changes(_NOON, [lease])))  # noqa: B023 - called in this round alone
        times += timed(1, lambda: scheduler.apply(Changes(_NOON, gone=[("lab", lease.uid)])))  # noqa: B023
    return {"plan_full_s": round(full, 3), "plan_change_ms": milliseconds(quantile(times, 0.5))}


def _exporter(number: int) -> ExporterFacts:
    labels = {"board": f"board-{number % _BOARDS}"}
    name = f"exporter-{number}"
    return ExporterFacts("lab", ExporterUid(name), name, labels, True, True, True, None, "1")


def _lease(number: int, count: int) -> LeaseFacts:
    board = LabelSelector(match_labels={"board": f"board-{number % _BOARDS}"})
    request = Request(ClientName(f"client-{number % _CLIENTS}"), board, duration=timedelta(minutes=10))
    created = _NOON - timedelta(seconds=count + 1000) + timedelta(seconds=number)
    name = f"lease-{number}"
    return LeaseFacts("lab", LeaseUid(name), name, created, request)
