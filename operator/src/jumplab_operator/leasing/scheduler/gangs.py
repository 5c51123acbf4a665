"""Leases of several exporters: all at one time, or none.

A gang takes nothing before it can have everything, so no two can wait for each other. So that it isn't passed by for
ever by leases that want less, what it is going to get is kept for it: its turn fixes the first moment at which all of
its exporters can be there, by the ends of what runs, and which they are; whoever comes after it may use them if they
are back by then.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from heapq import merge
from itertools import islice, takewhile
from typing import TypeAlias

from jumplab_operator.leasing.cache.namespace_cache import Space
from jumplab_operator.leasing.cache.pools import Pool, longest_rights
from jumplab_operator.leasing.cache.quotas import Holdings
from jumplab_operator.leasing.model.decisions import Assign
from jumplab_operator.leasing.model.facts import LeaseFacts
from jumplab_operator.leasing.model.lease_length import end_of, granted_length
from jumplab_operator.leasing.model.matching import match
from jumplab_operator.leasing.model.policy_rules import Grant
from jumplab_operator.leasing.model.reservations import Slots

KEPT_FOR = 8
"""For so many gangs exporters are kept, the first in rank: the others come up as these are served."""

_Ready: TypeAlias = tuple[datetime, str]
"""When an exporter can be had, and its uid."""


@dataclass(frozen=True, slots=True)
class Gangs:
    """What one pass does for gangs. It sees what the pass gives away as it does so."""

    space: Space
    holdings: Holdings
    taken: dict[str, str]
    assigned: dict[str, Assign]
    kept: Slots
    """What is kept for gangs from their expected moments."""
    fits: Callable[[LeaseFacts, Sequence[Grant], str], bool]
    """Whether the lease, which these rights bound, would give this exporter back before somebody else's slot."""
    now: datetime

    def choose(self, lease: LeaseFacts, pools: Sequence[Pool]) -> tuple[str, ...] | None:
        """An exporter that can be had now for each part, or None. What was claimed or kept for it comes first."""
        rights = longest_rights(pools)
        wishes = [[*self._own(lease, pool, rights), *self._free(lease, pool, rights, len(pools))] for pool in pools]
        return self.holdings.match(lease.request.client, pools, wishes)

    def keep(self, lease: LeaseFacts, pools: Sequence[Pool]) -> None:
        """Keeps what the gang, whose turn it is, is going to get; nothing, where that can't be said."""
        if len(self.kept.kept) >= KEPT_FOR or lease.uid in self.kept.kept:
            return
        rights = longest_rights(pools)
        offers = [self._expected(lease, pool, rights, 2 * len(pools)) for pool in pools]
        for _ in pools:
            moment, chosen = _earliest(offers)
            if moment is None or (lease.end is not None and lease.end <= moment):
                return
            grants = [pool.grants[uid] for pool, uid in zip(pools, chosen, strict=True)]
            begin, end = moment, end_of(lease, moment, grants)
            taken = {uid for uid in chosen if not self._is_clear(lease, uid, begin, end)}
            if not taken:
                self.kept.keep(chosen, lease.uid, begin, end)
                return
            offers = [[(ready, uid) for ready, uid in offer if uid not in taken] for offer in offers]

    def _own(self, lease: LeaseFacts, pool: Pool, rights: Sequence[Grant]) -> Iterator[str]:
        """Of the pool, what claims of this lease were left on and is clean, and what was kept for it and is free."""
        for uid in sorted(self.space.claims.get(lease.uid, ())):
            if self.space.situations[uid].exporter.usable and uid in pool.grants and uid not in lease.avoid:
                yield uid
        for uid in self.space.slots.kept.get(lease.uid, ()):
            free = uid in pool.grants and self.space.situations[uid].free
            if free and self._is_left(lease, uid) and self.fits(lease, [*rights, pool.grants[uid]], uid):
                yield uid

    def _free(self, lease: LeaseFacts, pool: Pool, rights: Sequence[Grant], count: int) -> list[str]:
        """What is free for it: so many by each right, the best first."""
        found: list[str] = []
        left = {grant: count for grant in pool.kinds if self.holdings.permit(lease.request.client, grant)}
        for *_, uid in pool.free if left else ():
            grant = pool.grants[uid]
            if left.get(grant) and self._is_left(lease, uid) and self.fits(lease, [*rights, pool.grants[uid]], uid):
                found.append(uid)
                left[grant] -= 1
                if not any(left.values()):
                    break
        return found

    def _is_left(self, lease: LeaseFacts, uid: str) -> bool:
        return uid not in self.taken and uid not in lease.avoid

    def _expected(self, lease: LeaseFacts, pool: Pool, rights: Sequence[Grant], count: int) -> list[_Ready]:
        """What can be had of the pool, and when: so many, the earliest first."""
        clear = (
            (moment, uid)
            for moment, uid in self._coming(lease, pool)
            if uid not in lease.avoid
            and self._is_clear(lease, uid, moment, end_of(lease, moment, [*rights, pool.grants[uid]]))
        )
        return list(islice(clear, count))

    def _coming(self, lease: LeaseFacts, pool: Pool) -> Iterator[_Ready]:
        """What is free, being cleaned up, or of those who were told that they end for such a right; then what is
        leased, by its end, or was given away just now."""
        yield from ((self.now, uid) for *_, uid in pool.free if uid not in self.taken)
        cleaned = (self.space.by_name[name] for name in pool.unready)
        yield from ((self.now, uid) for uid in cleaned if self.space.situations[uid].exporter.claim is not None)
        told = takewhile(lambda spot: not spot[0], pool.spot)
        ending = {uid for _, priority, *_, uid in told if priority < pool.grants[uid].priority}
        yield from ((self.now, uid) for uid in sorted(ending))
        given = ((self._end(lease, self.taken[uid]), uid) for *_, uid in pool.free if uid in self.taken)
        held = ((self._end(lease, holder), uid) for _, holder, uid in pool.leased if uid not in ending)
        yield from merge(sorted(given), held)

    def _end(self, lease: LeaseFacts, holder_uid: str) -> datetime:
        holder, given = self.space.leases[holder_uid], self.assigned.get(holder_uid)
        if holder is lease:
            return self.now
        length = given.duration if given is not None else granted_length(holder)
        return max(holder.end or self.now + length, self.now)

    def _is_clear(self, lease: LeaseFacts, uid: str, begin: datetime, end: datetime) -> bool:
        return all(slots.is_free(uid, begin, end, lease.uid) for slots in (self.space.slots, self.kept))


def _earliest(offers: Sequence[Sequence[_Ready]]) -> tuple[datetime | None, tuple[str, ...]]:
    """The first moment by which there is something for every part, and what; None where there is none."""
    moments = sorted({moment for offer in offers for moment, _ in offer})
    first = bisect_left(moments, True, key=lambda moment: match(_by(offers, moment)) is not None)
    if first == len(moments):
        return None, ()
    return moments[first], match(_by(offers, moments[first])) or ()


def _by(offers: Sequence[Sequence[_Ready]], moment: datetime) -> list[list[str]]:
    """What can be had by that moment, the last to be free first: what is free now is rather left to others."""
    return [[uid for ready, uid in reversed(offer) if ready <= moment] for offer in offers]
