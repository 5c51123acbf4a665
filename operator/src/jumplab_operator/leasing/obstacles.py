"""What the exporters that a lease could have are doing, since it has none of them."""

from jumplab_operator.leasing import waiting
from jumplab_operator.leasing.facts import LeaseFacts
from jumplab_operator.leasing.pools import Pool
from jumplab_operator.leasing.space import Space


def in_the_way(space: Space, lease: LeaseFacts, pool: Pool) -> waiting.InTheWay:
    """What is in the way of a waiting lease that could have what is in the pool."""
    if pool not in space.leftovers:
        given = [space.leases[space.taken[uid]] for *_, uid in pool.free if uid in space.taken]
        space.leftovers[pool] = (given, [(name, uid) for _, name, uid in pool.free if uid not in space.taken])
    given, left = space.leftovers[pool]
    slots = {uid: space.slots.next_begin(uid, lease.uid) for _, uid in left if uid not in lease.avoid}
    begins = [begin for begin in slots.values() if begin is not None]
    claimed = [space.situations[uid] for uid in sorted(space.claims.get(lease.uid, ())) if uid in pool.grants]
    own = [each.exporter.name for each in claimed if each.exporter.online and each.holder is lease]
    first = [holder for _, holder, _ in pool.leased[: len(own) + waiting.NAMED] if holder != lease.uid]
    return waiting.InTheWay(
        leased=len(pool.leased) - len(own) + len(given),
        holders=[space.leases[uid] for uid in first] + given,
        unready=[*pool.unready, *own, *(name for name, uid in left if slots.get(uid) is None)],
        offline=pool.offline,
        quarantined=pool.quarantined,
        kept=len(begins),
        kept_from=min(begins, default=None),
    )
