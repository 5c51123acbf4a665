"""What the exporters that a lease could have are doing, since it has none of them."""

from jumplab_operator.leasing.cache.namespace_cache import Space
from jumplab_operator.leasing.cache.pools import Pool
from jumplab_operator.leasing.explain import pending_reasons
from jumplab_operator.leasing.model.facts import LeaseFacts


def in_the_way(space: Space, lease: LeaseFacts, pool: Pool) -> pending_reasons.InTheWay:
    """What is in the way of a waiting lease that could have what is in the pool."""
    if pool not in space.leftovers:
        given = [space.leases[space.taken[uid]] for *_, uid in pool.free if uid in space.taken]
        space.leftovers[pool] = (given, [(name, uid) for _, name, uid in pool.free if uid not in space.taken])
    given, left = space.leftovers[pool]
    usable = [uid for _, uid in left if uid not in lease.avoid]
    slots = {uid: begin for uid in usable if (begin := space.slots.next_begin(uid, lease.uid)) is not None}
    gangs = {uid: begin for uid in usable if (begin := space.kept.next_begin(uid, lease.uid)) and uid not in slots}
    claimed = [space.situations[uid] for uid in sorted(space.claims.get(lease.uid, ())) if uid in pool.grants]
    own = [each.exporter.name for each in claimed if each.exporter.online and each.holder is lease]
    first = [holder for _, holder, _ in pool.leased[: len(own) + pending_reasons.NAMED] if holder != lease.uid]
    return pending_reasons.InTheWay(
        leased=len(pool.leased) - len(own) + len(given),
        holders=[space.leases[uid] for uid in first] + given,
        unready=[*pool.unready, *own, *(name for name, uid in left if uid not in slots and uid not in gangs)],
        offline=pool.offline,
        quarantined=pool.quarantined,
        kept=len(slots),
        kept_from=min(slots.values(), default=None),
        for_gangs=len(gangs),
        for_gangs_from=min(gangs.values(), default=None),
    )
