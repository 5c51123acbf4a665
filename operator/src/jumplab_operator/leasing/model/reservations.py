"""Slots: the times for which exporters are kept for leases that begin later."""

from bisect import insort
from collections.abc import Iterable
from datetime import datetime, timedelta

TURNAROUND = timedelta(minutes=1)
"""A lease that is to end before a slot has so much for becoming ready and for being cleaned up after."""


def ends_in_time(end: datetime, next_begins: Iterable[datetime | None]) -> bool:
    """Whether a lease that ends then leaves its exporter to those for whom it is kept from these moments."""
    return all(begin is None or end + TURNAROUND <= begin for begin in next_begins)


class Slots:
    """Who has an exporter when."""

    def __init__(self) -> None:
        self.kept: dict[str, tuple[str, ...]] = {}
        """The uids of the exporters that are kept, one for each of a lease's parts, by the lease's."""
        self.begins: dict[str, datetime] = {}
        """From when on, by the lease's uid."""
        self.ends: dict[str, datetime] = {}
        """Until when."""
        self._of: dict[str, list[tuple[datetime, datetime, str]]] = {}

    def keep(self, exporter_uids: tuple[str, ...], lease_uid: str, begin: datetime, end: datetime) -> None:
        """Keeps the exporters for the lease in that time."""
        self.kept[lease_uid], self.begins[lease_uid], self.ends[lease_uid] = exporter_uids, begin, end
        for exporter_uid in exporter_uids:
            insort(self._of.setdefault(exporter_uid, []), (begin, end, lease_uid))

    def is_free(self, exporter_uid: str, begin: datetime, end: datetime, but: str = "") -> bool:
        """Whether nobody has it in that time, the lease `but` aside."""
        return all(end <= b or e <= begin or uid == but for b, e, uid in self._of.get(exporter_uid, ()))

    def gap(self, exporter_uid: str, after: datetime, length: timedelta, but: str = "") -> datetime:
        """The first moment, `after` at the earliest, from which nobody has it for so long, the lease `but` aside."""
        for begin, end, uid in self._of.get(exporter_uid, ()):
            if uid == but or end <= after:
                continue
            if after + length <= begin:
                break
            after = end
        return after

    def next_begin(self, exporter_uid: str, but: str) -> datetime | None:
        """When the exporter is next kept for a lease other than `but`."""
        slot = self.next_slot(exporter_uid, but)
        return slot[0] if slot is not None else None

    def next_to_come(self, exporter_uid: str, but: str, now: datetime) -> datetime | None:
        """The same, of leases whose time has not come: one whose has takes what it can before all others."""
        return next((begin for begin, _, uid in self._of.get(exporter_uid, ()) if uid != but and begin > now), None)

    def next_slot(self, exporter_uid: str, but: str) -> tuple[datetime, str] | None:
        """When the exporter is next kept for a lease other than `but`, and for which, by its uid."""
        return next(((begin, uid) for begin, _, uid in self._of.get(exporter_uid, ()) if uid != but), None)
