"""Which exporters are reserved for which lease that begins later.

A lease keeps the exporters that are in its status, while that is possible; one that has none yet gets what is free for
its whole time. Invariant: a reservation that was written is never moved for a lease that comes later.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from functools import partial
from itertools import islice

from jumplab_operator.leasing.cache.client_queue import QueueKey
from jumplab_operator.leasing.cache.namespace_index import NamespaceIndex
from jumplab_operator.leasing.cache.pools import Pool, longest_rights
from jumplab_operator.leasing.model.facts import LeaseFacts
from jumplab_operator.leasing.model.ids import ExporterUid, LeaseUid
from jumplab_operator.leasing.model.lease_length import default_length, end_of
from jumplab_operator.leasing.model.matching import match
from jumplab_operator.leasing.model.reservations import Reservations


def place_reservations(index: NamespaceIndex) -> Reservations:
    """The reservations of all leases that have or want one. A lease that nothing is free for has none."""
    reservations = Reservations()
    leases = [index.leases[uid] for uid in index.queues.reserving]
    # Those with reservations first, so that these stay; then the oldest.
    for lease in sorted(leases, key=lambda it: (not it.reserved, it.created, it.name)):
        begin, pools = begin_of(lease), index.queues.reserving[lease.uid]
        chosen = _choose(index, lease, pools, reservations)
        if chosen is not None:
            grants = [pool.grants[uid] for pool, uid in zip(pools, chosen, strict=True)]
            reservations.add(chosen, lease.uid, begin, end_of(lease, begin, grants))
    return reservations


def _choose(
    index: NamespaceIndex, lease: LeaseFacts, pools: QueueKey, reservations: Reservations
) -> tuple[ExporterUid, ...] | None:
    begin, rights = begin_of(lease), longest_rights(pools)
    known = lease.reserved if len(lease.reserved) == len(pools) else ("",) * len(pools)

    def is_free(pool: Pool, uid: ExporterUid) -> bool:
        return reservations.is_free(uid, begin, end_of(lease, begin, [*rights, pool.grants[uid]]))

    offers = [_offers(index, lease, pool, name) for pool, name in zip(pools, known, strict=True)]
    return match([_first(each, len(pools), partial(is_free, pool)) for pool, each in zip(pools, offers, strict=True)])


def is_movable(
    index: NamespaceIndex, reservations: Reservations, lease: LeaseUid, begin: datetime, end: datetime | None
) -> bool:
    """Whether a lease with a reservation could have one at that time, all other reservations as they are.

    end: None where the lease is to last as long as it may.
    """
    pools = index.queues.reserving.get(lease, ())
    rights = longest_rights(pools)

    def is_free(pool: Pool, uid: ExporterUid) -> bool:
        until = end or begin + default_length([*rights, pool.grants[uid]])
        return reservations.is_free(uid, begin, until, lease)

    wishes = [_first(_available(index, pool, begin), len(pools), partial(is_free, pool)) for pool in pools]
    return bool(pools) and match(wishes) is not None


def begin_of(lease: LeaseFacts) -> datetime:
    """When a lease begins that has or wants a reservation."""
    assert lease.begin is not None, "only a lease with a begin has a reservation"
    return lease.begin


def _first(offers: Iterable[ExporterUid], members: int, suits: Callable[[ExporterUid], bool]) -> Sequence[ExporterUid]:
    """The first of those that suit: as many as there are members are enough to choose from."""
    suitable = (uid for uid in offers if suits(uid))
    return list(dict.fromkeys(islice(suitable, members + 1)))  # one may be offered twice


def _offers(index: NamespaceIndex, lease: LeaseFacts, pool: Pool, name: str) -> Iterator[ExporterUid]:
    """The exporter that is reserved already, then the others. `name`: that exporter's, or empty."""
    known = index.pools.by_name.get(name)
    if known is not None and known in pool.grants:
        holder = index.pools.situations[known].holder
        if holder is None or holder.end is None or holder.end <= begin_of(lease) or holder.uid == lease.uid:
            yield known
    yield from _available(index, pool, begin_of(lease))


def _available(index: NamespaceIndex, pool: Pool, begin: datetime) -> Iterator[ExporterUid]:
    """The exporters that are free at that time, as far as is known; offline and quarantined ones come last."""
    for free in pool.free:
        yield free.uid
    for leased in pool.leased:
        if leased.end > begin:
            break
        yield leased.uid
    for name in [*pool.unready, *pool.offline, *pool.quarantined]:
        uid = index.pools.by_name[name]
        holder = index.pools.situations[uid].holder
        if holder is None or (holder.end is not None and holder.end <= begin):
            yield uid
