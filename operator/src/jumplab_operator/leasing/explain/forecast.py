"""When exporters are free again, as far as that is known, and which of them each next lease of a queue gets then.

It goes by the ends of running leases and by reservations, and lets each lease last as long as it may. An exporter that
is offline, or leased without a fixed end, counts for nothing; one that is being cleaned up counts as free in a minute,
and a victim's when its notice is over. An end that moves on while the lease is used counts as it is now; in a second
forecast, `latest`, as if the lease were used for as long as it may be.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import datetime, timedelta
from heapq import heapify, heappop, heappush
from itertools import islice
from typing import NamedTuple, TypeAlias

from jumplab.protocol.lease_rules import LONGEST_LEASE
from jumplab_operator.leasing.cache.client_queue import QueueKey
from jumplab_operator.leasing.cache.namespace_index import NamespaceIndex
from jumplab_operator.leasing.cache.pools import Pool, longest_rights
from jumplab_operator.leasing.model.cycle_result import CycleResult
from jumplab_operator.leasing.model.facts import LeaseFacts
from jumplab_operator.leasing.model.ids import ExporterUid, LeaseUid
from jumplab_operator.leasing.model.lease_length import end_of, granted_length, preemption_of
from jumplab_operator.leasing.model.policy_rules import Grant
from jumplab_operator.leasing.model.reservations import TURNAROUND

_TRIES = 64
"""How many exporters are looked at for one member, and how many moments for a gang."""


class Offer(NamedTuple):
    """An exporter, and when it is free."""

    free_from: datetime
    uid: ExporterUid


_Permitted: TypeAlias = Callable[[Pool, Offer], bool]


class Forecast:
    """Gives leases exporters one after another, in the order in which it is asked. Works once."""

    def __init__(
        self, index: NamespaceIndex, result: CycleResult, now: datetime, reach: int, *, latest: bool = False
    ) -> None:
        """reach: for how many leases at most.  latest: leases that are extended while they are used all are."""
        self._latest = latest
        self._index, self._result, self._now, self._reach = index, result, now, reach
        self._later: dict[ExporterUid, datetime] = {}
        """When those exporters are free again that were given to a lease here."""
        self._offers: dict[Pool, list[Offer]] = {}
        """A heap for each pool; too early for what was given meanwhile."""

    def give(
        self, lease: LeaseFacts, pools: QueueKey, permitted: _Permitted
    ) -> tuple[datetime, Sequence[ExporterUid]] | None:
        """When the lease gets which exporters, one of each pool; None where that can't be known.

        permitted: whether the lease's client may have an exporter of a pool, too.
        """
        begin, rounds = self._now, 0
        chosen = self._choose(lease, pools, begin, permitted)
        # An exporter that is free for long enough now may be reserved by the time that the others are free: a gang is
        # tried at later and later moments. Each passes the end of a reservation or of a lease, so there is a last one.
        while chosen and (together := max(chosen).free_from) > begin and rounds < _TRIES:
            begin, rounds = together, rounds + 1
            chosen = self._choose(lease, pools, begin, permitted) if len(pools) > 1 else chosen
        if not chosen or rounds == _TRIES:
            return None
        exporters = [offer.uid for offer in chosen]
        grants = [pool.grants[uid] for pool, uid in zip(pools, exporters, strict=True)]
        self._later.update(dict.fromkeys(exporters, self._end(lease, begin, grants)))
        return begin, exporters

    def _choose(self, lease: LeaseFacts, pools: QueueKey, after: datetime, permitted: _Permitted) -> Sequence[Offer]:
        """Of each pool the exporter that is free first, from that moment on; none where a pool has none."""
        chosen: list[Offer] = []
        rights = longest_rights(pools)
        for pool in pools:
            taken = {*lease.avoid, *(offer.uid for offer in chosen)}
            offer = self._earliest(lease, pool, rights, after, taken, permitted)
            if offer is None:
                return ()
            chosen.append(offer)
        return chosen

    def _earliest(
        self,
        lease: LeaseFacts,
        pool: Pool,
        rights: Sequence[Grant],
        after: datetime,
        but: Collection[ExporterUid],
        permitted: _Permitted,
    ) -> Offer | None:
        best: Offer | None = None
        looked_at = []
        for offer in self._in_order(pool):
            looked_at.append(offer)
            # No later offer can begin before this one is free.
            if best is not None and best.free_from <= offer.free_from:
                break
            if offer.uid not in but and permitted(pool, offer):
                start = max(offer.free_from, after)
                end = max(end_of(lease, start, [*rights, pool.grants[offer.uid]]), start)  # what must be free for it
                found = Offer(self._gap(offer.uid, start, end - start + TURNAROUND, lease.uid), offer.uid)
                best = min(best or found, found)
        for offer in looked_at:
            heappush(self._offers[pool], offer)
        return best

    def _gap(self, uid: ExporterUid, after: datetime, length: timedelta, lease: LeaseUid) -> datetime:
        """The first moment from which the exporter is reserved neither for a lease nor for a gang for that length."""
        while True:
            begin = self._result.reservations.gap(uid, after, length, lease)
            after = self._result.gang_reservations.gap(uid, begin, length, lease)
            if after == begin:
                return begin

    def _in_order(self, pool: Pool) -> Iterator[Offer]:
        """Takes the pool's offers out, the first first."""
        if pool not in self._offers:
            self._offers[pool] = [*self._at_first(pool)]
            heapify(self._offers[pool])
        offers, tried = self._offers[pool], 0
        while offers and tried < _TRIES:
            offer = heappop(offers)
            later = self._later.get(offer.uid, offer.free_from)
            if later > offer.free_from:
                heappush(offers, Offer(later, offer.uid))
            else:
                tried += 1
                yield offer

    def _at_first(self, pool: Pool) -> Iterator[Offer]:
        enough, leases = self._reach + _TRIES, self._index.leases
        for free in islice(pool.free, enough):
            taker = self._result.taken.get(free.uid)
            yield Offer(self._now if taker is None else self._end_of(leases[taker]), free.uid)
        for name in islice(pool.unready, enough):
            yield Offer(self._now + TURNAROUND, self._index.pools.by_name[name])
        for leased in islice(pool.leased, enough):
            until = self._until(leases[leased.lease])
            if until is not None:
                yield Offer(until, leased.uid)

    def _end(self, lease: LeaseFacts, begin: datetime, grants: Sequence[Grant]) -> datetime:
        """When a lease ends that gets exporters by these rights at that moment."""
        end = max(end_of(lease, begin, grants), begin)
        if not self._latest or not lease.moves:
            return end
        lengths = [lease.max_duration, *(grant.maximum_duration for grant in grants)]
        longest = min((length for length in lengths if length is not None), default=LONGEST_LEASE)
        return max(end, min(begin + longest, self._now + LONGEST_LEASE))

    def _until(self, holder: LeaseFacts) -> datetime | None:
        if holder.uid in self._result.victims:
            return preemption_of(holder, self._now)
        if self._latest and holder.moves and holder.began is not None:
            return holder.latest_end and max(holder.latest_end, self._now)
        if holder.end is not None:
            return max(holder.end, self._now)
        # A lease that is getting ready lasts from then; one that is not even assigned may never be.
        return self._end_of(holder) if holder.exporters else None

    def _end_of(self, holder: LeaseFacts) -> datetime:
        """When a lease ends that gets its exporters now, or has just got them."""
        assigned = self._result.assigned.get(holder.uid)
        length = assigned.duration if assigned is not None else granted_length(holder)
        end = max(holder.end or self._now + length, self._now)
        longest = holder.max_duration if self._latest and holder.moves else None
        return end if longest is None else max(end, self._now + longest)
