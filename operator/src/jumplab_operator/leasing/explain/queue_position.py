"""The positions of waiting leases in their queue, and their expected begins.

Before a lease in its queue are those that an admission cycle would serve before it and that could have one of the
exporters that it could have. A lease whose client has reached its quota is in no queue.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from jumplab.protocol.lease_rules import LONGEST_LEASE
from jumplab_operator.leasing.cache.client_queue import ClientQueue, QueueEntry, QueueKey
from jumplab_operator.leasing.cache.fair_order import FairOrder
from jumplab_operator.leasing.cache.namespace_index import NamespaceIndex
from jumplab_operator.leasing.cache.pools import Pool
from jumplab_operator.leasing.cache.quotas import QuotaUsage
from jumplab_operator.leasing.explain.blockers import BlockerFinder
from jumplab_operator.leasing.explain.forecast import Forecast, Offer
from jumplab_operator.leasing.explain.pending_reasons import Blockers, ExpectedBegin, queue_sentence
from jumplab_operator.leasing.model.facts import LeaseFacts
from jumplab_operator.leasing.model.ids import ExporterUid, LeaseUid
from jumplab_operator.leasing.model.selectors import matches
from jumplab_operator.leasing.model.times import whole_minute
from jumplab_operator.resources import LabelSelector

SHOWN = 10
"""How many leases of each queue have their position in their status; the rest ask."""
REACH = 256
"""How many of those before them are looked at for that."""
FORESEEN = 1000
"""For how many the begin is estimated, where somebody asks for those far behind."""
_FAR = 100_000


class QueuePosition(NamedTuple):
    """A waiting lease's position, and its expected begin."""

    position: int
    """1 is next."""
    expected_begin: datetime | None
    """To the minute; None where it can't be known."""
    message: str
    latest_begin: datetime | None = None
    """To the minute, where leases before it may be extended; else None, and where these have no limit."""


def first_positions(
    blockers: BlockerFinder, key: QueueKey, now: datetime, most: int = SHOWN, reach: int = REACH
) -> Mapping[LeaseUid, QueuePosition]:
    """The positions of the first leases of a queue, in their order.

    most: of how many of them;  reach: a lease with more before it is left out.
    """
    walk = _Walk(blockers, key, now, reach)
    found: dict[LeaseUid, QueuePosition] = {}
    while len(found) < most and walk.position < reach and (step := walk.advance()) is not None:
        queue, lease, begin = step
        if queue.pools == key:
            found[lease.uid] = walk.describe(queue, lease, begin)
    return found


def position_of(blockers: BlockerFinder, lease_uid: LeaseUid, now: datetime) -> QueuePosition | None:
    """The position of one lease, however far behind; None where it is in no queue."""
    own = blockers.index.queues.of_lease.get(lease_uid)
    if own is None:
        return None
    walk = _Walk(blockers, own.pools, now, _FAR)
    while (step := walk.advance()) is not None:
        queue, lease, begin = step
        if lease.uid == lease_uid:
            return walk.describe(queue, lease, begin)
    return None


def queues_for(index: NamespaceIndex, selector: LabelSelector) -> list[QueueKey]:
    """The queues for exporters that the selector matches, perhaps among others; the one with the oldest lease first."""
    first: dict[QueueKey, QueueEntry] = {}
    for queues in index.queues.by_pool.values():
        for queue in queues.values():
            if queue.satisfiable:
                first[queue.pools] = min(first.get(queue.pools, queue.entries[0]), queue.entries[0])
    situations = index.pools.situations.values()
    matching = {each.exporter.uid for each in situations if matches(selector, each.exporter.labels)}
    found = [key for key in first if any(not matching.isdisjoint(pool.grants) for pool in key)]
    return sorted(found, key=lambda key: first[key])


def rival_queues(index: NamespaceIndex, pools: Iterable[Pool]) -> set[ClientQueue]:
    """The satisfiable queues for an exporter that these pools have, too."""
    by_pool = index.queues.by_pool
    rivals = {rival for pool in pools if pool in by_pool for rival in index.pools.rivals(pool)}
    return {queue for rival in rivals for queue in by_pool[rival].values() if queue.satisfiable}


class _Walk:
    """Along a queue and its rivals, in the order of an admission cycle; each gets the exporters that it is going to
    have.

    It foresees nothing but the order of now: the charge for what a client gets meanwhile by a reservation, or of other
    exporters, is not known to it.
    """

    def __init__(self, blockers: BlockerFinder, key: QueueKey, now: datetime, reach: int) -> None:
        self._blockers, self._key = blockers, key
        index, self._assigned = blockers.index, blockers.result.assigned
        self._order = FairOrder(index, rival_queues(index, key), now)
        self._forecast = Forecast(index, blockers.result, now, min(reach, FORESEEN))
        self._latest: Forecast | None = None
        """The second forecast, where any lease may be extended."""
        if any(lease.moves for lease in index.leases.values()):
            self._latest = Forecast(index, blockers.result, now, min(reach, FORESEEN), latest=True)
        self._usage = QuotaUsage(index)
        self._now = now
        self._shared: list[Blockers] = []
        """What blocks all leases of the queue that aren't single."""
        self.position = 0

    def describe(self, queue: ClientQueue, lease: LeaseFacts, begin: ExpectedBegin) -> QueuePosition:
        """The position of a lease of the queue, just after `advance` has returned it."""
        found = self._shared
        if queue.is_single or not found:
            found = [self._blockers.find(lease, pool) for pool in self._key]
        if not queue.is_single:
            self._shared = found
        sentence = queue_sentence(lease, found, self.position, begin, self._now)
        return QueuePosition(self.position, begin.earliest, sentence, begin.latest)

    def advance(self) -> tuple[ClientQueue, LeaseFacts, ExpectedBegin] | None:
        """The next lease, with its queue and its expected begin; None at the end."""
        while (step := self._order.next()) is not None:
            queue, lease = step
            assigned = self._assigned.get(lease.uid)
            if assigned is not None:  # it waits no more
                exporters = [chosen.uid for chosen in assigned.exporters]
                self._usage.add(queue.client, lease.uid, exporters)
                self._go_on(queue, lease, exporters)
            elif self._is_within_quota(queue):  # where it isn't, none behind it in this queue is
                self.position += 1
                expected, got = self._give(queue, lease) if self.position <= FORESEEN else (ExpectedBegin(None), ())
                self._go_on(queue, lease, got)
                return queue, lease, expected
        return None

    def _is_within_quota(self, queue: ClientQueue) -> bool:
        return all(any(self._usage.permits(queue.client, kind) for kind in pool.kinds) for pool in queue.pools)

    def _go_on(self, queue: ClientQueue, lease: LeaseFacts, got: Sequence[ExporterUid]) -> None:
        grants = [pool.grants[uid] for pool, uid in zip(queue.pools, got, strict=True)] if got else [queue.best]
        self._order.charge(lease, grants)
        self._order.advance(queue)

    def _give(self, queue: ClientQueue, lease: LeaseFacts) -> tuple[ExpectedBegin, Sequence[ExporterUid]]:
        def permitted(pool: Pool, offer: Offer) -> bool:
            return self._usage.permits(queue.client, pool.grants[offer.uid])

        latest = self._latest.give(lease, queue.pools, permitted) if self._latest is not None else None
        given = self._forecast.give(lease, queue.pools, permitted)
        if given is None:
            return ExpectedBegin(None), ()
        moment, got = given
        self._usage.add(queue.client, lease.uid, got)
        earliest = _expected_begin(lease, moment)
        if self._latest is None or earliest is None:
            return ExpectedBegin(earliest), got
        if latest is None or latest[0] - self._now >= LONGEST_LEASE:
            return ExpectedBegin(earliest, is_range=True), got
        # Where leases before it last longer, one may take another exporter, and this one begin sooner.
        last = _expected_begin(lease, max(latest[0], moment))
        return ExpectedBegin(earliest, earliest != last, last if earliest != last else None), got


def _expected_begin(lease: LeaseFacts, moment: datetime) -> datetime | None:
    """Rounded up to the minute: an estimate isn't better than that. None where the lease would be over by then."""
    begin = whole_minute(moment)
    return begin if lease.end is None or begin < lease.end else None
