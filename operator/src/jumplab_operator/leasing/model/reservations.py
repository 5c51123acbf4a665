"""Reservations: the times for which exporters are reserved, for leases that begin later and for gangs that wait."""

from bisect import insort
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from jumplab_operator.leasing.model.ids import ExporterUid, LeaseUid

TURNAROUND = timedelta(minutes=1)
"""The time between the end of a lease and a reservation, for cleaning up and for becoming ready."""


class Reservation(NamedTuple):
    """One exporter is reserved for a lease from `begin` until `end`."""

    begin: datetime
    end: datetime
    lease: LeaseUid


class Reservations:
    """The reservations of a namespace."""

    def __init__(self) -> None:
        self.exporters: dict[LeaseUid, tuple[ExporterUid, ...]] = {}
        """The exporters that are reserved for each lease, one for each of its members."""
        self.begins: dict[LeaseUid, datetime] = {}
        self.ends: dict[LeaseUid, datetime] = {}
        self._of: dict[ExporterUid, list[Reservation]] = {}

    def add(self, exporters: Sequence[ExporterUid], lease: LeaseUid, begin: datetime, end: datetime) -> None:
        """Reserves the exporters for the lease in that time."""
        self.exporters[lease], self.begins[lease], self.ends[lease] = tuple(exporters), begin, end
        for exporter in exporters:
            insort(self._of.setdefault(exporter, []), Reservation(begin, end, lease))

    def is_free(self, exporter: ExporterUid, begin: datetime, end: datetime, but: LeaseUid | None = None) -> bool:
        """Whether the exporter is reserved for nobody in that time, the lease `but` aside."""
        return all(end <= each.begin or each.end <= begin or each.lease == but for each in self._of.get(exporter, ()))

    def gap(self, exporter: ExporterUid, after: datetime, length: timedelta, but: LeaseUid | None = None) -> datetime:
        """The first moment, `after` at the earliest, from which the exporter is free for that length; see `is_free`."""
        for begin, end, lease in self._of.get(exporter, ()):
            if lease == but or end <= after:
                continue
            if after + length <= begin:
                break
            after = end
        return after

    def next(self, exporter: ExporterUid, but: LeaseUid) -> Reservation | None:
        """The next reservation of the exporter for a lease other than `but`."""
        return next((each for each in self._of.get(exporter, ()) if each.lease != but), None)

    def next_begin(self, exporter: ExporterUid, but: LeaseUid) -> datetime | None:
        """When the next reservation of the exporter for a lease other than `but` begins."""
        found = self.next(exporter, but)
        return found.begin if found is not None else None

    def next_ahead(self, exporter: ExporterUid, but: LeaseUid, now: datetime) -> datetime | None:
        """The same, of reservations that had not begun then: once one has, its lease is served before all others."""
        found = (each.begin for each in self._of.get(exporter, ()) if each.lease != but and each.begin > now)
        return next(found, None)


def ends_in_time(end: datetime, next_begins: Iterable[datetime | None]) -> bool:
    """Whether a lease that ends then leaves its exporter to the reservations that begin at these moments."""
    return all(begin is None or end + TURNAROUND <= begin for begin in next_begins)
