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
from jumplab_operator.leasing.cache.pools import Pool, longest_rights
from jumplab_operator.leasing.model.facts import LeaseFacts
from jumplab_operator.leasing.model.lease_length import end_of, granted_length
from jumplab_operator.leasing.model.policy_rules import Grant
from jumplab_operator.leasing.model.reservations import TURNAROUND

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
        begin, rounds = self._now, 0
        chosen = self._choose(lease, pools, begin, permitted)
        # One that is free for long enough from its own moment may be reserved by the time that the others are free.
        while chosen and (together := max(moment for moment, _ in chosen)) > begin and rounds < _TRIES:
            begin, rounds = together, rounds + 1
            chosen = self._choose(lease, pools, begin, permitted) if len(pools) > 1 else chosen
        if not chosen or rounds == _TRIES:
            return None
        exporters = [uid for _, uid in chosen]
        grants = [pool.grants[uid] for pool, uid in zip(pools, exporters, strict=True)]
        self._later.update(dict.fromkeys(exporters, max(end_of(lease, begin, grants), begin)))
        return begin, exporters

    def _choose(
        self, lease: LeaseFacts, pools: Sequence[Pool], after: datetime, permitted: Callable[[Pool, str], bool]
    ) -> list[_Offer]:
        """The exporter of each pool that is free first, from that moment on; none where one has none."""
        chosen: list[_Offer] = []
        rights = longest_rights(pools)
        for pool in pools:
            taken = {*lease.avoid, *(uid for _, uid in chosen)}
            offer = self._earliest(lease, pool, rights, after, taken, permitted)
            if offer is None:
                return []
            chosen.append(offer)
        return chosen

    def _earliest(
        self,
        lease: LeaseFacts,
        pool: Pool,
        rights: Sequence[Grant],
        after: datetime,
        but: Collection[str],
        permitted: Callable[[Pool, str], bool],
    ) -> _Offer | None:
        best: _Offer | None = None
        looked_at = []
        for free_from, uid in self._in_order(pool):
            looked_at.append((free_from, uid))
            if best is not None and best[0] <= free_from:
                break
            if uid not in but and permitted(pool, uid):
                start = max(free_from, after)
                end = max(end_of(lease, start, [*rights, pool.grants[uid]]), start)
                begin = self._gap(uid, start, end - start + TURNAROUND, lease.uid)
                best = min(best or (begin, uid), (begin, uid))
        for offer in looked_at:
            heappush(self._offers[pool], offer)
        return best

    def _gap(self, uid: str, after: datetime, length: timedelta, lease_uid: str) -> datetime:
        """From when nobody else has the exporter for so long: neither a reservation nor a gang that it is kept for."""
        while True:
            begin = self._space.slots.gap(uid, after, length, lease_uid)
            after = self._space.kept.gap(uid, begin, length, lease_uid)
            if after == begin:
                return begin

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
            yield self._now if taker is None else self._end_of(leases[taker]), uid
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
        return self._end_of(holder) if holder.exporters else None

    def _end_of(self, holder: LeaseFacts) -> datetime:
        """When a lease ends that gets its exporters now, or has just got them."""
        assigned = self._space.assigned.get(holder.uid)
        length = assigned.duration if assigned is not None else granted_length(holder)
        return max(holder.end or self._now + length, self._now)
