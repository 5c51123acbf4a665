"""Slots: the times for which exporters are kept for leases that begin later."""

from bisect import insort
from datetime import datetime, timedelta

from jumplab_operator.leasing.model.facts import LeaseFacts
from jumplab_operator.leasing.model.times import DEFAULT_DURATION


class Slots:
    """Who has an exporter when."""

    def __init__(self) -> None:
        self.kept: dict[str, tuple[str, ...]] = {}
        """The uids of the exporters that are kept, one for each of a lease's parts, by the lease's."""
        self.begins: dict[str, datetime] = {}
        """From when on, by the lease's uid."""
        self._of: dict[str, list[tuple[datetime, datetime, str]]] = {}

    def keep(self, exporter_uids: tuple[str, ...], lease_uid: str, begin: datetime, end: datetime) -> None:
        """Keeps the exporters for the lease in that time."""
        self.kept[lease_uid], self.begins[lease_uid] = exporter_uids, begin
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


def span(lease: LeaseFacts) -> tuple[datetime, datetime]:
    """From when till when a lease that begins at a fixed time has its exporter."""
    assert lease.begin is not None, "only what begins at a fixed time has a slot"
    return lease.begin, lease.end or lease.begin + (lease.request.duration or DEFAULT_DURATION)
