"""When exporters are free again, as far as that can be told, and which of them the next in line gets then.

It goes by the ends of what runs and by the slots that are kept, and lets each lease last as long as it asks for. What
is offline, or leased without a fixed end, counts for nothing; what is being cleaned up, or held by a lease that is to
be ended for another, counts as free in a minute. An end that moves on while the lease is used counts as it is now: the
sentences say that it may be later (`waiting.until`).
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import datetime, timedelta
from heapq import heapify, heappop, heappush
from itertools import islice
from typing import TypeAlias

from jumplab_operator.leasing.cache.namespace_cache import Space
from jumplab_operator.leasing.cache.pools import Pool
from jumplab_operator.leasing.cache.reservation_placement import TURNAROUND
from jumplab_operator.leasing.model.facts import LeaseFacts
from jumplab_operator.leasing.model.times import DEFAULT_DURATION

_TRIES = 64
"""So many exporters are looked at for one lease."""
_Offer: TypeAlias = tuple[datetime, str]
"""From when on which exporter is free, by its uid."""


class Forecast:
    """Gives leases exporters one after another, in the order in which it is asked. Works once."""

    def __init__(self, space: Space, now: datetime, reach: int) -> None:
        """reach: for so many leases at most."""
        self._space, self._now, self._reach = space, now, reach
        self._later: dict[str, datetime] = {}
        """From when those exporters are free that were given to somebody here."""
        self._offers: dict[Pool, list[_Offer]] = {}
        """The first first; too early for what was given meanwhile."""

    def give(
        self, lease: LeaseFacts, pools: Sequence[Pool], permitted: Callable[[Pool, str], bool]
    ) -> tuple[datetime, list[str]] | None:
        """From when the lease has which exporters, one of each pool; None where that can't be told.

        permitted: says of an exporter of a pool, by its uid, whether the lease's client may have it, too.
        """
        chosen: list[_Offer] = []
        for pool in pools:
            offer = self._earliest(lease, pool, {*lease.avoid, *(uid for _, uid in chosen)}, permitted)
            if offer is None:
                return None
            chosen.append(offer)
        begin, exporters = max(moment for moment, _ in chosen), [uid for _, uid in chosen]
        self._later.update(dict.fromkeys(exporters, begin + _length(lease, begin)))
        return begin, exporters

    def _earliest(
        self, lease: LeaseFacts, pool: Pool, but: Collection[str], permitted: Callable[[Pool, str], bool]
    ) -> _Offer | None:
        best: _Offer | None = None
        looked_at = []
        for free_from, uid in self._in_order(pool):
            looked_at.append((free_from, uid))
            if best is not None and best[0] <= free_from:
                break
            if uid not in but and permitted(pool, uid):
                length = _length(lease, free_from) + TURNAROUND
                begin = self._space.slots.gap(uid, free_from, length, lease.uid)
                best = min(best or (begin, uid), (begin, uid))
        for offer in looked_at:
            heappush(self._offers[pool], offer)
        return best

    def _in_order(self, pool: Pool) -> Iterator[_Offer]:
        """Takes the pool's offers out, the first first."""
        if pool not in self._offers:
            self._offers[pool] = [*self._at_first(pool)]
            heapify(self._offers[pool])
        offers, tried = self._offers[pool], 0
        while offers and tried < _TRIES:
            free_from, uid = heappop(offers)
            later = self._later.get(uid, free_from)
            if later > free_from:
                heappush(offers, (later, uid))
            else:
                tried += 1
                yield free_from, uid

    def _at_first(self, pool: Pool) -> Iterator[_Offer]:
        enough, leases = self._reach + _TRIES, self._space.leases
        for *_, uid in islice(pool.free, enough):
            taker = self._space.taken.get(uid)
            yield self._now if taker is None else self._now + _length(leases[taker], self._now), uid
        for name in islice(pool.unready, enough):
            yield self._now + TURNAROUND, self._space.by_name[name]
        for _, holder, uid in islice(pool.leased, enough):
            until = self._until(leases[holder])
            if until is not None:
                yield until, uid

    def _until(self, holder: LeaseFacts) -> datetime | None:
        if holder.uid in self._space.victims:
            return self._now + TURNAROUND
        if holder.end is not None:
            return max(holder.end, self._now)
        # One that is getting ready lasts from then; one that is not even assigned may never be.
        return self._now + _length(holder, self._now) if holder.exporters else None


def _length(lease: LeaseFacts, begin: datetime) -> timedelta:
    if lease.end is not None:
        return max(lease.end - begin, timedelta(0))
    return lease.request.duration or DEFAULT_DURATION
