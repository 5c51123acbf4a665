"""Which exporter is kept for which lease that begins later.

A lease keeps the exporter that was written into its status, while that is possible; one that has none yet gets one
that is free for its whole time. What was kept before is never moved for a lease that comes later.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from functools import partial
from itertools import islice

from jumplab_operator.leasing.cache.namespace_cache import Space
from jumplab_operator.leasing.cache.pools import Pool, longest_rights
from jumplab_operator.leasing.model.facts import LeaseFacts
from jumplab_operator.leasing.model.lease_length import default_length, end_of
from jumplab_operator.leasing.model.matching import match
from jumplab_operator.leasing.model.reservations import Slots


def place(space: Space) -> Slots:
    """The slots of all leases that are booked. What finds none isn't in them."""
    slots = Slots()
    booked = sorted((space.leases[uid] for uid in space.booked), key=lambda it: (not it.kept, it.created, it.name))
    for lease in booked:
        begin, pools = begin_of(lease), space.booked[lease.uid]
        chosen = _place(space, lease, pools, slots)
        if chosen is not None:
            grants = [pool.grants[uid] for pool, uid in zip(pools, chosen, strict=True)]
            slots.keep(chosen, lease.uid, begin, end_of(lease, begin, grants))
    return slots


def _place(space: Space, lease: LeaseFacts, pools: tuple[Pool, ...], slots: Slots) -> tuple[str, ...] | None:
    begin, rights = begin_of(lease), longest_rights(pools)
    kept = lease.kept if len(lease.kept) == len(pools) else ("",) * len(pools)

    def is_free(pool: Pool, uid: str) -> bool:
        return slots.is_free(uid, begin, end_of(lease, begin, [*rights, pool.grants[uid]]))

    offers = [_offers(space, lease, pool, name) for pool, name in zip(pools, kept, strict=True)]
    wishes = [_first(each, len(pools), partial(is_free, pool)) for pool, each in zip(pools, offers, strict=True)]
    return match(wishes)


def movable(space: Space, lease_uid: str, begin: datetime, end: datetime | None) -> bool:
    """Whether a booked lease could have one of its exporters at that time, all other slots as they are.

    end: None where the lease is to last as long as it may.
    """
    pools = space.booked.get(lease_uid, ())
    rights = longest_rights(pools)

    def is_free(pool: Pool, uid: str) -> bool:
        until = end or begin + default_length([*rights, pool.grants[uid]])
        return space.slots.is_free(uid, begin, until, lease_uid)

    wishes = [_first(_available(space, pool, begin), len(pools), partial(is_free, pool)) for pool in pools]
    return bool(pools) and match(wishes) is not None


def begin_of(lease: LeaseFacts) -> datetime:
    """When a lease begins that is booked."""
    assert lease.begin is not None, "only what begins at a fixed time is booked"
    return lease.begin


def _first(offers: Iterable[str], count: int, suits: Callable[[str], bool]) -> list[str]:
    """So many of those that suit: a part of so many needs no more to choose from."""
    suitable = (uid for uid in offers if suits(uid))
    return list(dict.fromkeys(islice(suitable, count + 1)))  # one may be offered twice


def _offers(space: Space, lease: LeaseFacts, pool: Pool, name: str) -> Iterator[str]:
    kept = space.by_name.get(name)
    if kept is not None and kept in pool.grants:
        holder = space.situations[kept].holder
        if holder is None or holder.end is None or holder.end <= begin_of(lease) or holder.uid == lease.uid:
            yield kept
    yield from _available(space, pool, begin_of(lease))


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
