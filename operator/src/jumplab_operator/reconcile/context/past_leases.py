"""Leases that are over and whose objects exist no more: from the histories of exporters, and from what was seen go.

An exporter's history is the record. What was seen go fills it, and stands in for it until it is written.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from jumplab_operator.leasing.model.facts import UsageFacts
from jumplab_operator.leasing.model.ids import ClientName, LeaseUid
from jumplab_operator.leasing.model.usage import is_forgotten
from jumplab_operator.reconcile.context.holders import holder_of
from jumplab_operator.resources import Exporter, HistoryEntry, Lease
from jumplab_operator.resources.conditions import find_condition

DELETED = "Deleted"
MEMBER_FAILED = "MemberFailed"
EXPORTER_FAILED = "ExporterFailed"
_REMEMBERED = 10_000


@dataclass(frozen=True, slots=True)
class PastLease:
    """A lease that is over. began: when it became ready; None where it never did."""

    name: str
    client: str
    exporters: tuple[str, ...]
    began: datetime | None
    ended: datetime
    reason: str
    message: str = ""

    def entry(self, uid: str, exporter: str) -> HistoryEntry | None:
        """What it leaves in the history of an exporter; None where that never served it."""
        if exporter not in self.exporters:
            return None
        failed_elsewhere = self.reason == EXPORTER_FAILED and not has_failed(exporter, self.exporters, self.message)
        reason = MEMBER_FAILED if failed_elsewhere else self.reason
        return HistoryEntry(
            lease=self.name, uid=uid, client=self.client, began=self.began, ended=self.ended, reason=reason
        )


def past_lease(lease: Lease, now: datetime) -> PastLease:
    """A lease that has ended, or that was deleted just now."""
    status, ready = lease.status, find_condition(lease.status.conditions, "Ready")
    is_told = status.ended and ready is not None
    return PastLease(
        name=lease.name,
        client=holder_of(lease).name,
        exporters=status.exporter_names,
        began=status.begin_time,
        ended=status.end_time or now,
        reason=ready.reason if is_told and ready is not None else DELETED,
        message=ready.message if is_told and ready is not None else "",
    )


def has_failed(exporter: str, exporters: Sequence[str], message: str) -> bool:
    """Whether it is this exporter that a lease ended for with ExporterFailed: of a gang's, one is named."""
    return len(exporters) == 1 or f'exporter "{exporter}"' in message


class PastLeases:
    """By the uids of the leases. Only those that fair share may still count are remembered."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[str, PastLease]] = {}
        """What was seen go, each with its namespace."""
        self._histories: defaultdict[str, dict[str, tuple[str, HistoryEntry]]] = defaultdict(dict)
        """The entries in the histories, by the exporters' uids, each with its namespace."""

    def note_gone(self, lease: Lease, now: datetime) -> None:
        """A Lease was deleted."""
        self._seen[lease.uid] = lease.namespace, past_lease(lease, now)
        while len(self._seen) > _REMEMBERED:
            del self._seen[next(iter(self._seen))]

    def note_exporter(self, before: Exporter | None, after: Exporter | None, now: datetime) -> set[str]:
        """An Exporter has changed; None: there was, or is, none. Returns the uids of the leases of which its history
        says something else now."""
        old, new = (each.status.history if each is not None else [] for each in (before, after))
        if old == new:
            return set()
        entries = {entry.uid: entry for entry in new if entry.uid and not is_forgotten(entry.ended, now)}
        gone = {entry.uid for entry in old} - entries.keys()
        exporter = after or before
        assert exporter is not None, "a change is of something"
        for uid in gone & self._histories.keys():
            self._histories[uid].pop(exporter.uid, None)
            if not self._histories[uid]:
                del self._histories[uid]
        for uid, entry in entries.items():
            self._histories[uid][exporter.uid] = exporter.namespace, entry
        return gone | entries.keys()

    def of(self, uid: str) -> PastLease | None:
        """The lease as it was seen go."""
        seen = self._seen.get(uid)
        return seen[1] if seen is not None else None

    def usage(self, uid: str) -> UsageFacts | None:
        """The exporter time of a lease whose object is gone; None where it was never ready, or isn't known."""
        seen = self._seen.get(uid)
        if seen is not None:
            namespace, past = seen
            return _usage(namespace, uid, past.client, [(past.began, past.ended)] * len(past.exporters))
        entries = list(self._histories.get(uid, {}).values())
        if not entries:
            return None
        namespace, last = entries[-1]
        return _usage(namespace, uid, last.client, [(entry.began, entry.ended) for _, entry in entries])


def _usage(
    namespace: str, uid: str, client: str, times: Sequence[tuple[datetime | None, datetime]]
) -> UsageFacts | None:
    served = [(began, ended) for began, ended in times if began is not None]
    if not served:
        return None
    began, ended = min(began for began, _ in served), max(ended for _, ended in served)
    return UsageFacts(namespace, LeaseUid(uid), ClientName(client), began, ended, len(served))
