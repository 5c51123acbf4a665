"""Which exporters' leases ended in a failure of the exporter: from the Leases, and from the exporters' histories."""

from bisect import bisect_left, insort
from collections import defaultdict
from datetime import datetime
from heapq import merge
from typing import NamedTuple

from jumplab_operator.leasing.model.exporter_health import FailedLease
from jumplab_operator.names import Name
from jumplab_operator.reconcile.context.past_leases import EXPORTER_FAILED, MEMBER_FAILED, has_failed
from jumplab_operator.resources import Exporter, HistoryEntry, Lease
from jumplab_operator.resources.conditions import find_condition


class _Outcome(NamedTuple):
    """How a lease ended. They are ordered by their ends, which are whole seconds; of two in one second the one that
    went well counts as the later."""

    at: datetime
    went_well: bool
    uid: str
    failure: str = ""


class FailureHistory:
    """How the leases of each exporter ended. A Lease that still exists tells more than the history does."""

    def __init__(self) -> None:
        self._outcomes: defaultdict[Name, dict[str, _Outcome]] = defaultdict(dict)
        self._in_order: defaultdict[Name, list[_Outcome]] = defaultdict(list)
        """The same, the oldest first: an exporter may have thousands, of which the newest are asked for."""

    def note(self, before: Lease | None, now: Lease | None) -> None:
        """A Lease has changed; None: there was, or is, none."""
        if before is not None and before.status.ended:
            for name in before.status.exporter_names:
                self._drop(Name(before.namespace, name), before.uid)
        if now is None or not now.status.ended:
            return
        for name in now.status.exporter_names:
            outcome = _outcome(now, name)
            if outcome is not None:
                exporter = Name(now.namespace, name)
                self._drop(exporter, now.uid)  # it may have been unreadable meanwhile
                self._outcomes[exporter][now.uid] = outcome
                insort(self._in_order[exporter], outcome)

    def _drop(self, exporter: Name, lease_uid: str) -> None:
        outcome = self._outcomes[exporter].pop(lease_uid, None)
        if outcome is not None:
            in_order = self._in_order[exporter]
            del in_order[bisect_left(in_order, outcome)]

    def of(self, exporter: Exporter) -> list[FailedLease]:
        """The leases that failed since the last one that went well, the newest first."""
        name, failed = Name(exporter.namespace, exporter.name), []
        known, in_order = self._outcomes.get(name, {}), self._in_order.get(name, [])
        recorded = [_recorded(entry) for entry in exporter.status.history if entry.uid not in known]
        others = sorted((outcome for outcome in recorded if outcome is not None), reverse=True)
        for outcome in merge(reversed(in_order), others, reverse=True):
            if outcome.went_well:
                break
            failed.append(FailedLease(outcome.at, outcome.failure))
        return failed


def _recorded(entry: HistoryEntry) -> _Outcome | None:
    if entry.reason == EXPORTER_FAILED:
        failure = f'lease "{entry.lease}" ended because the exporter failed'
        return _Outcome(entry.ended, False, entry.uid, failure)
    if entry.began is None or entry.reason == MEMBER_FAILED:
        return None
    return _Outcome(entry.ended, True, entry.uid)


def _outcome(lease: Lease, exporter: str) -> _Outcome | None:
    """None: the lease says nothing about this exporter: it ended before it was ready, or another exporter failed."""
    status, ready = lease.status, find_condition(lease.status.conditions, "Ready")
    if status.end_time is None or ready is None:
        return None
    if ready.reason != EXPORTER_FAILED:
        return _Outcome(status.end_time, True, lease.uid) if status.begin_time is not None else None
    if not has_failed(exporter, status.exporter_names, ready.message):
        return None
    return _Outcome(status.end_time, False, lease.uid, f'lease "{lease.name}": {ready.message}')
