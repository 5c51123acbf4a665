"""One namespace as the scheduler looks at it: the facts, and the indexes that find things in them quickly.

Everything here follows from the facts and the time alone; it is kept up to date so that a change costs what it touches.
"""

from collections import defaultdict
from datetime import datetime, timedelta
from heapq import heappop, heappush

from jumplab_operator.leasing.cache.access_index import AccessIndex
from jumplab_operator.leasing.cache.claims import Claims
from jumplab_operator.leasing.cache.pool_index import PoolIndex
from jumplab_operator.leasing.cache.queues import Queues
from jumplab_operator.leasing.cache.touched import Touched
from jumplab_operator.leasing.model.facts import (
    ClientFacts,
    ExporterFacts,
    Fact,
    LeaseFacts,
    PolicyFacts,
    UsageFacts,
)
from jumplab_operator.leasing.model.ids import ClientName, ExporterUid, LeaseUid
from jumplab_operator.leasing.model.usage import Usage

CLEANING = timedelta(minutes=1)
"""How long an exporter is expected to be cleaned up; after that a waiting lease may preempt another instead."""
MOST_PAST_LEASES = 10_000
"""So many leases that are over are known one by one; of older ones there is only the sum of what was used."""


class NamespaceIndex:
    """The facts of a namespace, by uid, with their indexes. Only `put`, `drop` and `advance` change it."""

    def __init__(self) -> None:
        self.facts: dict[str, Fact] = {}
        self.leases: dict[LeaseUid, LeaseFacts] = {}
        self.touched = Touched()
        self.access = AccessIndex()
        self.claims = Claims()
        self.pools = PoolIndex(self.touched)
        self.queues = Queues(self.pools, self.access, self.touched)
        self.usage = Usage()
        self._of_client: defaultdict[ClientName, set[LeaseUid]] = defaultdict(set)
        self._past_leases: dict[LeaseUid, datetime] = {}
        """When each lease ended of which there is the usage alone, in the order in which they became known."""
        self._summed_until: datetime | None = None
        """The latest end of a lease whose usage is in the sums alone."""
        self._moments: list[tuple[datetime, str]] = []
        """When a fact makes another difference by the passing of time, with its uid: a heap."""

    def put(self, fact: Fact, now: datetime) -> None:
        """A fact is new or has changed."""
        before = self.facts.get(fact.uid)
        if before == fact or (before is None and self._is_summed(fact)):
            return
        if before is not None:
            self._remove(before)
        self.facts[fact.uid] = fact
        self._add(fact)
        self._refile_around(before, fact, now)

    def drop(self, uid: str, now: datetime) -> None:
        """The object of the fact does not exist any more."""
        before = self.facts.pop(uid, None)
        if before is not None:
            self._remove(before)
            if isinstance(before, ExporterFacts):
                self.pools.drop(before.uid)
            self._refile_around(before, None, now)

    def advance(self, now: datetime) -> None:
        """Files the leases anew for which a moment has come."""
        while self._moments and self._moments[0][0] <= now:
            _, uid = heappop(self._moments)
            if (lease := self.leases.get(LeaseUid(uid))) is not None:
                self._refile(lease, now)

    @property
    def due(self) -> datetime | None:
        """The next moment at which `advance` may make a difference."""
        return self._moments[0][0] if self._moments else None

    def _add(self, fact: Fact) -> None:
        match fact:
            case ExporterFacts():
                self.claims.put_exporter(fact)
                if fact.vacated is not None:
                    heappush(self._moments, (fact.vacated + CLEANING, fact.uid))
                self.pools.put(fact, self.claims.holder_of(fact, self.leases))
            case LeaseFacts():
                self.leases[fact.uid] = fact
                self._of_client[fact.request.client].add(fact.uid)
                self.claims.put_lease(fact)
                self.usage.add(fact)
            case UsageFacts():
                self.usage.add(fact)
                self._past_leases[fact.uid] = fact.ended
                self._sum_oldest()
            case ClientFacts() | PolicyFacts():
                self.access.put(fact)

    def _remove(self, fact: Fact) -> None:
        match fact:
            case ExporterFacts():
                self.claims.drop_exporter(fact)
            case LeaseFacts():
                self.queues.unfile(fact)
                del self.leases[fact.uid]
                self._of_client[fact.request.client].discard(fact.uid)
                if not self._of_client[fact.request.client]:
                    del self._of_client[fact.request.client]
                self.claims.drop_lease(fact)
                self.usage.add(fact, -1)
            case UsageFacts():
                self.usage.add(fact, -1)
                del self._past_leases[fact.uid]
            case ClientFacts() | PolicyFacts():
                self.access.drop(fact)

    def _sum_oldest(self) -> None:
        """Forgets the oldest leases beyond the bound. What they used stays counted."""
        while len(self._past_leases) > MOST_PAST_LEASES:
            uid = next(iter(self._past_leases))
            ended = self._past_leases.pop(uid)
            self._summed_until = max(self._summed_until or ended, ended)
            del self.facts[uid]

    def _is_summed(self, fact: Fact) -> bool:
        """Whether a lease that is told of again, as by the history of its exporter, is counted already."""
        return isinstance(fact, UsageFacts) and self._summed_until is not None and fact.ended <= self._summed_until

    def _refile_around(self, before: Fact | None, after: Fact | None, now: datetime) -> None:
        """Files all leases anew that a change of this fact makes a difference to."""
        match after or before:
            case LeaseFacts() | UsageFacts():
                self._put_exporters_of(before, after)
                if isinstance(after, LeaseFacts):
                    self._refile(after, now)
            case ExporterFacts():
                claims = {each.claim for each in (before, after) if isinstance(each, ExporterFacts)}
                for uid in claims:
                    if uid is not None and uid in self.leases:
                        self._refile(self.leases[uid], now)
            case ClientFacts() as client:
                for uid in sorted(self._of_client.get(client.name, ())):
                    self._refile(self.leases[uid], now)
            case PolicyFacts():
                for uid in sorted(self.leases):
                    self._refile(self.leases[uid], now)

    def _put_exporters_of(self, before: Fact | None, after: Fact | None) -> None:
        """The exporters that a lease held, or holds, or has claimed, have another holder, or one with another end."""
        by_name, touched = self.pools.by_name, set[ExporterUid]()
        for lease in (before, after):
            if isinstance(lease, LeaseFacts):
                touched.update(by_name[name] for name in lease.exporters if name in by_name)
                touched.update(self.claims.by_lease.get(lease.uid, ()))
        for uid in touched:
            exporter = self.pools.situations[uid].exporter
            self.pools.put(exporter, self.claims.holder_of(exporter, self.leases))

    def _refile(self, lease: LeaseFacts, now: datetime) -> None:
        """Files the lease where it belongs now: nowhere, if it has its exporters or is over."""
        self.queues.unfile(lease)
        if lease.exporters or (lease.end is not None and lease.end <= now):
            return
        for moment in (lease.begin, lease.end):
            if moment is not None and moment > now:
                heappush(self._moments, (moment, lease.uid))
        self.queues.file(lease, now, claimed=lease.uid in self.claims.by_lease)
