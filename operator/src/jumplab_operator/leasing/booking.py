"""Which exporter is kept for which lease that begins later.

A lease keeps the exporter that was written into its status, while that is possible; one that has none yet gets one
that is free for its whole time. What was kept before is never moved for a lease that comes later.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from jumplab_operator.leasing.facts import LeaseFacts
from jumplab_operator.leasing.pools import Pool
from jumplab_operator.leasing.slots import Slots, span
from jumplab_operator.leasing.space import Space

TURNAROUND = timedelta(minutes=1)
"""A lease that is to end before a slot has so much for becoming ready and for being cleaned up after."""


def place(space: Space) -> Slots:
    """The slots of all leases that are booked. What finds none isn't in them."""
    slots = Slots()
    booked = sorted((space.leases[uid] for uid in space.booked), key=lambda it: (not it.kept, it.created, it.name))
    for lease in booked:
        [pool] = space.booked[lease.uid]
        chosen = next((uid for uid in _offers(space, lease, pool) if slots.is_free(uid, *span(lease))), None)
        if chosen is not None:
            slots.add((chosen,), lease)
    return slots


def movable(space: Space, lease_uid: str, begin: datetime, end: datetime) -> bool:
    """Whether a booked lease could have one of its exporters at that time, all other slots as they are."""
    offers = [uid for pool in space.booked.get(lease_uid, ()) for uid in _available(space, pool, begin)]
    return any(space.slots.is_free(uid, begin, end, lease_uid) for uid in offers)


def _offers(space: Space, lease: LeaseFacts, pool: Pool) -> Iterator[str]:
    for kept in [space.by_name[name] for name in lease.kept if name in space.by_name]:
        if kept not in pool.grants:
            continue
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
