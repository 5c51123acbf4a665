"""What is going to be free, while it is found out who is ended for whom: who has it already, and who would take it."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime
from math import inf

from jumplab_operator.leasing.cache.namespace_cache import CLEANING, Space
from jumplab_operator.leasing.cache.pools import Pool
from jumplab_operator.leasing.cache.quotas import Holdings
from jumplab_operator.leasing.model.facts import LeaseFacts
from jumplab_operator.leasing.model.lease_length import end_of
from jumplab_operator.leasing.model.reservations import Slots, ends_in_time
from jumplab_operator.leasing.scheduler.gangs import KEPT_FOR


class Room:
    """Works once, on what the pass has left. Leases come in the order of their turns."""

    def __init__(self, space: Space, now: datetime) -> None:
        self._space, self._now = space, now
        given = [(space.leases[to].request.client, to, uid) for uid, to in space.taken.items()]
        self._holdings = Holdings(space, given)
        self._spoken_for: set[str] = set()
        """Exporters that are or are going to be free, and for whom is known."""
        self._left: set[str] = set()
        """Exporters of those who are to end that nobody has spoken for."""
        self._kept = Slots()
        """What is kept for gangs that have had their turn: it binds those behind them."""
        self._reserving = [
            (begin, pools)
            for other, pools in space.booked.items()
            if other not in space.slots.kept and (begin := space.leases[other].begin) is not None and begin > now
        ]
        """When those begin that have no slot yet, and would get one on what becomes free."""
        self._unhelped: list[tuple[LeaseFacts, Pool]] = []
        """Those who had their turn and go on waiting: they would take what becomes free before who comes later."""
        self._gangs: list[tuple[LeaseFacts, Sequence[Pool]]] = []
        """The same, of leases of several: the first of them."""

    def speak_for(self, lease: LeaseFacts, uids: Collection[str], freed: Collection[str]) -> None:
        """The lease is going to have these exporters; `freed`: those of all who are ended for it."""
        self._bind(lease)
        self._holdings.give(lease.request.client, lease.uid, uids)
        self._spoken_for.update(uids)
        self._left.update(freed)
        self._left.difference_update(self._spoken_for)

    def leave(self, lease: LeaseFacts, pools: Sequence[Pool]) -> None:
        """Nothing helps the lease: it goes on waiting."""
        self._bind(lease)
        if len(pools) == 1:
            self._unhelped.append((lease, pools[0]))
        elif len(self._gangs) < KEPT_FOR:
            self._gangs.append((lease, pools))

    def coming(self, lease: LeaseFacts, pool: Pool) -> Iterator[str]:
        """What the lease could take of what is being cleaned up, not for too long, or is left of those who end."""
        cleaned = [uid for name in pool.unready if self._is_cleaned_soon(uid := self._space.by_name[name])]
        for uid in [*cleaned, *sorted(self._left)]:
            quarantined = self._space.situations[uid].exporter.quarantined
            if uid not in self._spoken_for and not quarantined and self.could_take(lease, pool, uid):
                yield uid

    def ready(self, lease: LeaseFacts, pool: Pool) -> Iterator[str]:
        """What the lease could take without anybody's being ended: what is free, its own claims, and what is coming."""
        for uid in [*(uid for *_, uid in pool.free), *sorted(self._space.claims.get(lease.uid, ()))]:
            usable = self._space.situations[uid].exporter.usable
            if usable and self._is_nobodys(uid) and self.could_take(lease, pool, uid):
                yield uid
        yield from self.coming(lease, pool)

    def is_open(self, lease: LeaseFacts, pool: Pool, uid: str) -> bool:
        """Whether the lease could take the exporter, which is leased, if its holder were ended."""
        if uid in self._spoken_for or uid in self._left or self._space.situations[uid].exporter.quarantined:
            return False
        return self.could_take(lease, pool, uid)

    def is_taken_first(self, uids: Iterable[str]) -> bool:
        """Whether somebody who goes on waiting would take one of these, if they became free."""
        return any(self.could_take(other, pool, uid) for uid in uids for other, pool in self._unhelped)

    def completes_others(self, freed: Collection[str], uids: Collection[str]) -> bool:
        """Whether a lease of several that goes on waiting would have all, one of `uids` perhaps among it, if all of
        `freed` became free."""
        return any(
            any(uid in pool.grants for pool in pools for uid in uids) and self._is_completed(other, pools, freed)
            for other, pools in self._gangs
        )

    def fitting(self, lease: LeaseFacts, pools: Sequence[Pool], wishes: Sequence[Sequence[str]]) -> Sequence[str]:
        """A distinct exporter for each member of a gang, within its client's quota; nothing where there are not
        enough."""
        return self._holdings.match(lease.request.client, pools, wishes) or ()

    def could_take(self, lease: LeaseFacts, pool: Pool, uid: str) -> bool:
        """Whether the lease may have the exporter, and would give it back before it is kept for another."""
        if uid not in pool.grants or uid in lease.avoid:
            return False
        if not self._holdings.permit(lease.request.client, pool.grants[uid]):
            return False
        begins = [self._space.slots.next_to_come(uid, lease.uid, self._now), self._kept.next_begin(uid, lease.uid)]
        begins += [begin for begin, pools in self._reserving if any(uid in each.grants for each in pools)]
        return ends_in_time(end_of(lease, self._now, [pool.grants[uid]]), begins)

    def _is_completed(self, lease: LeaseFacts, pools: Sequence[Pool], freed: Collection[str]) -> bool:
        there = sorted({*freed, *self._spoken_for, *self._left})

        def could_have(pool: Pool) -> Iterator[str]:
            yield from self.ready(lease, pool)
            yield from (uid for uid in there if self.could_take(lease, pool, uid))

        return bool(self.fitting(lease, pools, [list(first_of(it, could_have(it), len(pools))) for it in pools]))

    def _bind(self, lease: LeaseFacts) -> None:
        kept = self._space.kept.kept.get(lease.uid)
        if kept is not None:
            begin = self._space.kept.begins[lease.uid]
            self._kept.keep(kept, lease.uid, begin, begin)

    def _is_nobodys(self, uid: str) -> bool:
        return uid not in self._space.taken and uid not in self._spoken_for

    def _is_cleaned_soon(self, uid: str) -> bool:
        vacated = self._space.situations[uid].exporter.vacated
        return vacated is not None and vacated + CLEANING > self._now


def first_of(pool: Pool, uids: Iterable[str], count: int, priority: float = -inf) -> Iterator[str]:
    """So many of the pool's exporters by each right of at least that priority: a lease of so many parts needs no more
    to choose from."""
    left, seen = {grant: count for grant in pool.kinds if grant.priority >= priority}, set[str]()
    for uid in uids if left else ():
        grant = pool.grants[uid]
        if left.get(grant) and uid not in seen:
            seen.add(uid)
            left[grant] -= 1
            yield uid
            if not any(left.values()):
                return
