"""Gangs: leases of several exporters, which get all at one time, or none.

A gang takes nothing before it can have everything, so no two can wait for each other. So that it isn't passed over for
ever for leases that want less, the exporters that it is going to get are reserved for it: its rank fixes the first
moment at which all of them can be free, by the ends of running leases, and which they are. Leases behind it may use
them until then.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from heapq import merge
from itertools import islice, takewhile
from typing import NamedTuple

from jumplab_operator.leasing.cache.client_queue import QueueKey
from jumplab_operator.leasing.cache.namespace_index import NamespaceIndex
from jumplab_operator.leasing.cache.pools import Pool, longest_rights
from jumplab_operator.leasing.cache.quotas import QuotaUsage
from jumplab_operator.leasing.model.decisions import Assign
from jumplab_operator.leasing.model.facts import LeaseFacts
from jumplab_operator.leasing.model.ids import ExporterUid, LeaseUid
from jumplab_operator.leasing.model.lease_length import end_of, granted_length
from jumplab_operator.leasing.model.matching import match
from jumplab_operator.leasing.model.policy_rules import Grant
from jumplab_operator.leasing.model.reservations import Reservations

MOST_RESERVATIONS = 8
"""For how many gangs exporters are reserved, the first in rank: the others come up as these are served."""


class _Ready(NamedTuple):
    """When an exporter can be had."""

    moment: datetime
    uid: ExporterUid


@dataclass(frozen=True, slots=True)
class Gangs:
    """The gangs' share of one admission cycle. It sees what the cycle assigns as it does so."""

    index: NamespaceIndex
    usage: QuotaUsage
    taken: Mapping[ExporterUid, LeaseUid]
    assigned: Mapping[LeaseUid, Assign]
    others: Reservations
    """For leases that begin later."""
    fits: Callable[[LeaseFacts, Sequence[Grant], ExporterUid], bool]
    """Whether the lease, whose length these rights bound, would end before anybody else's reservation."""
    now: datetime
    reservations: Reservations = field(default_factory=Reservations)
    """For gangs, from the moments at which they can be served."""

    def choose(self, lease: LeaseFacts, pools: QueueKey) -> tuple[ExporterUid, ...] | None:
        """An exporter that can be had now for each member, or None. What is claimed or reserved for it comes first."""
        rights = longest_rights(pools)
        wishes = [[*self._own(lease, pool, rights), *self._free(lease, pool, rights, len(pools))] for pool in pools]
        return self.usage.match(lease.request.client, pools, wishes)

    def reserve(self, lease: LeaseFacts, pools: QueueKey) -> None:
        """Reserves what the gang, which can't be served now, is going to get; nothing, where that can't be known."""
        if len(self.reservations.exporters) >= MOST_RESERVATIONS or lease.uid in self.reservations.exporters:
            return
        rights = longest_rights(pools)
        offers = [self._expected(lease, pool, rights, 2 * len(pools)) for pool in pools]
        # Each round takes at least one exporter from the offers that is reserved for another lease by then.
        for _ in pools:
            moment, chosen = _earliest(offers)
            if moment is None or (lease.end is not None and lease.end <= moment):
                return
            grants = [pool.grants[uid] for pool, uid in zip(pools, chosen, strict=True)]
            end = end_of(lease, moment, grants)
            taken = {uid for uid in chosen if not self._is_clear(lease, uid, moment, end)}
            if not taken:
                self.reservations.add(chosen, lease.uid, moment, end)
                return
            offers = [[ready for ready in offer if ready.uid not in taken] for offer in offers]

    def _own(self, lease: LeaseFacts, pool: Pool, rights: Sequence[Grant]) -> Iterator[ExporterUid]:
        """Of the pool, the exporters with a claim of this lease that are clean, and those reserved for it that are
        free."""
        situations = self.index.pools.situations
        for uid in sorted(self.index.claims.by_lease.get(lease.uid, ())):
            usable = situations[uid].exporter.usable and uid in pool.grants and uid not in lease.avoid
            if usable and self.fits(lease, [*rights, pool.grants[uid]], uid):  # the claim may be of long ago
                yield uid
        for uid in self.others.exporters.get(lease.uid, ()):
            free = uid in pool.grants and situations[uid].free
            if free and self._is_left(lease, uid) and self.fits(lease, [*rights, pool.grants[uid]], uid):
                yield uid

    def _free(self, lease: LeaseFacts, pool: Pool, rights: Sequence[Grant], count: int) -> Sequence[ExporterUid]:
        """The free exporters that it may have: that many by each right, the best first."""
        found: list[ExporterUid] = []
        left = {grant: count for grant in pool.kinds if self.usage.permits(lease.request.client, grant)}
        for *_, uid in pool.free if left else ():
            grant = pool.grants[uid]
            if left.get(grant) and self._is_left(lease, uid) and self.fits(lease, [*rights, grant], uid):
                found.append(uid)
                left[grant] -= 1
                # No member needs to choose from more: the others can't take all of these.
                if not any(left.values()):
                    break
        return found

    def _is_left(self, lease: LeaseFacts, uid: ExporterUid) -> bool:
        return uid not in self.taken and uid not in lease.avoid

    def _expected(self, lease: LeaseFacts, pool: Pool, rights: Sequence[Grant], count: int) -> Sequence[_Ready]:
        """What can be had of the pool, and when: that many, the earliest first."""
        clear = (
            ready
            for ready in self._coming(lease, pool)
            if ready.uid not in lease.avoid
            and self._is_clear(
                lease, ready.uid, ready.moment, end_of(lease, ready.moment, [*rights, pool.grants[ready.uid]])
            )
        )
        return list(islice(clear, count))

    def _coming(self, lease: LeaseFacts, pool: Pool) -> Iterator[_Ready]:
        """The exporters of the pool by when they can be had: free ones, those being cleaned up, those of victims that
        were given notice; then what is leased, by its end, or was taken just now."""
        yield from (_Ready(self.now, uid) for *_, uid in pool.free if uid not in self.taken)
        unready = (self.index.pools.by_name[name] for name in pool.unready)
        situations = self.index.pools.situations
        yield from (_Ready(self.now, uid) for uid in unready if situations[uid].exporter.claim is not None)
        noticed = takewhile(lambda spot: not spot.unnoticed, pool.spot)
        ending = {spot.uid for spot in noticed if spot.priority < pool.grants[spot.uid].priority}
        yield from (_Ready(self.now, uid) for uid in sorted(ending))
        taken = (_Ready(self._end(lease, self.taken[uid]), uid) for *_, uid in pool.free if uid in self.taken)
        leased = (_Ready(self._end(lease, it.lease), it.uid) for it in pool.leased if it.uid not in ending)
        yield from merge(sorted(taken), leased)

    def _end(self, lease: LeaseFacts, holder_uid: LeaseUid) -> datetime:
        holder, assigned = self.index.leases[holder_uid], self.assigned.get(holder_uid)
        if holder is lease:
            return self.now
        length = assigned.duration if assigned is not None else granted_length(holder)
        return max(holder.end or self.now + length, self.now)

    def _is_clear(self, lease: LeaseFacts, uid: ExporterUid, begin: datetime, end: datetime) -> bool:
        return all(each.is_free(uid, begin, end, lease.uid) for each in (self.others, self.reservations))


def _earliest(offers: Sequence[Sequence[_Ready]]) -> tuple[datetime | None, tuple[ExporterUid, ...]]:
    """The first moment by which there is an exporter for every member, and which; None where there is none."""
    moments = sorted({ready.moment for offer in offers for ready in offer})
    # What can be had at one moment can be had later, too: so the moments are a row of False, then of True.
    first = bisect_left(moments, True, key=lambda moment: match(_by(offers, moment)) is not None)
    if first == len(moments):
        return None, ()
    return moments[first], match(_by(offers, moments[first])) or ()


def _by(offers: Sequence[Sequence[_Ready]], moment: datetime) -> Sequence[Sequence[ExporterUid]]:
    """What can be had by that moment, the last to be free first: what is free now is rather left to others."""
    return [[ready.uid for ready in reversed(offer) if ready.moment <= moment] for offer in offers]
