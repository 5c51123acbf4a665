"""Which exporter is kept for which lease that begins later.

A lease keeps the exporter that was written into its status, while that is possible; one that has none yet gets one
that is free for its whole time. What was kept before is never moved for a lease that comes later.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from itertools import islice

from jumplab_operator.leasing.cache.namespace_cache import Space
from jumplab_operator.leasing.cache.pools import Pool
from jumplab_operator.leasing.model.facts import LeaseFacts
from jumplab_operator.leasing.model.matching import match
from jumplab_operator.leasing.model.reservations import Slots, span

TURNAROUND = timedelta(minutes=1)
"""A lease that is to end before a slot has so much for becoming ready and for being cleaned up after."""


def place(space: Space) -> Slots:
    """The slots of all leases that are booked. What finds none isn't in them."""
    slots = Slots()
    booked = sorted((space.leases[uid] for uid in space.booked), key=lambda it: (not it.kept, it.created, it.name))
    for lease in booked:
        chosen = _place(space, lease, slots)
        if chosen is not None:
            slots.keep(chosen, lease.uid, *span(lease))
    return slots


def _place(space: Space, lease: LeaseFacts, slots: Slots) -> tuple[str, ...] | None:
    pools = space.booked[lease.uid]
    kept = lease.kept if len(lease.kept) == len(pools) else ("",) * len(pools)
    offers = [_offers(space, lease, pool, name) for pool, name in zip(pools, kept, strict=True)]
    return match([_first(each, len(pools), lambda uid: slots.is_free(uid, *span(lease))) for each in offers])


def movable(space: Space, lease_uid: str, begin: datetime, end: datetime) -> bool:
    """Whether a booked lease could have one of its exporters at that time, all other slots as they are."""
    pools = space.booked.get(lease_uid, ())
    wishes = [
        _first(_available(space, pool, begin), len(pools), lambda uid: space.slots.is_free(uid, begin, end, lease_uid))
        for pool in pools
    ]
    return bool(pools) and match(wishes) is not None


def _first(offers: Iterable[str], count: int, suits: Callable[[str], bool]) -> list[str]:
    """So many of those that suit: a part of so many needs no more to choose from."""
    suitable = (uid for uid in offers if suits(uid))
    return list(dict.fromkeys(islice(suitable, count + 1)))  # one may be offered twice


def _offers(space: Space, lease: LeaseFacts, pool: Pool, name: str) -> Iterator[str]:
    kept = space.by_name.get(name)
    if kept is not None and kept in pool.grants:
        holder = space.situations[kept].holder
        if holder is None or holder.end is None or holder.end <= span(lease)[0] or holder.uid == lease.uid:
            yield kept
    yield from _available(space, pool, span(lease)[0])


def _available(space: Space, pool: Pool, begin: datetime) -> Iterator[str]:
    """What is free, or is going to be by then; what is offline, and what is quarantined, last."""
    for *_, uid in pool.free:
        yield uid
    for end, _, uid in pool.leased:
        if end > begin:
            break
        yield uid
    for name in [*pool.unready, *pool.offline, *pool.quarantined]:
        uid = space.by_name[name]
        holder = space.situations[uid].holder
        if holder is None or (holder.end is not None and holder.end <= begin):
            yield uid
