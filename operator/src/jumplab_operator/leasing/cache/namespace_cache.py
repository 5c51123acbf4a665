"""One namespace as the scheduler keeps it: the facts, and what is found in them quickly.

Everything here follows from the facts and the time alone; it is kept up to date so that a change costs what it touches.
"""

from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from heapq import heappop, heappush
from itertools import islice
from typing import TypeAlias

from jumplab_operator.leasing.cache import pools
from jumplab_operator.leasing.cache.pool_index import Memberships
from jumplab_operator.leasing.cache.pools import Pool, Situation
from jumplab_operator.leasing.model import policy_rules, selectors
from jumplab_operator.leasing.model.decisions import Assign
from jumplab_operator.leasing.model.facts import (
    ClientFacts,
    ExporterFacts,
    Fact,
    LeaseFacts,
    PolicyFacts,
    Request,
    UsageFacts,
)
from jumplab_operator.leasing.model.matching import Matching
from jumplab_operator.leasing.model.reservations import Slots
from jumplab_operator.leasing.model.usage import Usage
from jumplab_operator.resources import ExporterAccessPolicy

Place: TypeAlias = tuple[datetime, str, str]
"""Since when a lease waits, its name, its uid: the order within a queue."""
_QueueKey: TypeAlias = tuple[tuple[pools.Key, ...], str, str]

CLEANING = timedelta(minutes=1)
"""So long an exporter is waited for that is being cleaned up, before a lease is ended in its place."""
_RIGHTS = 10_000
"""So many answers to who may what are kept."""
_SPARE_POOLS = 32


@dataclass(slots=True, eq=False)
class Queue:
    """Leases of one client that ask for the same: only the first of them can be next, and none can be served where
    it can't."""

    key: _QueueKey
    client: str
    pools: tuple[Pool, ...]
    """What each of their parts could have."""
    leases: list[Place] = field(default_factory=list)
    was_satisfiable: bool = True
    """Whether those who wait were told that there is something for each part at all."""

    @property
    def satisfiable(self) -> bool:
        """Whether there is something else for each of their parts, free or not."""
        if len(self.pools) == 1:
            return bool(self.pools[0].grants)
        return all(pool.grants for pool in self.pools) and not self.short

    @property
    def short(self) -> Sequence[int]:
        """The parts that there are fewer exporters for than they are."""
        matching = Matching([list(islice(pool.grants, len(self.pools))) for pool in self.pools])
        matching.run()
        return matching.short

    @property
    def best(self) -> policy_rules.Grant:
        """The right that they rank by: the least of the best rights to their parts. They must be satisfiable."""
        return min((pool.best for pool in self.pools), key=policy_rules.rank)

    @property
    def own(self) -> bool:
        """Whether it is of one lease alone, which isn't like the others: something was claimed for it, or failed it."""
        return bool(self.key[-1])


class Space:
    """The facts of a namespace, by uid, with their indexes. `Pass` decides on it."""

    def __init__(self) -> None:
        self.facts: dict[str, Fact] = {}
        self.leases: dict[str, LeaseFacts] = {}
        self.members = Memberships()
        self.clients: dict[str, ClientFacts] = {}
        self.usage = Usage()
        self.queues: dict[Pool, dict[_QueueKey, Queue]] = {}
        self._spare: dict[Pool, None] = {}
        """Pools that nobody asks for now, the longest so first: the next lease often asks for what the last one did,
        and to make a pool is to look at all exporters."""
        self.queue_of: dict[str, Queue] = {}
        self.own_queues: set[Queue] = set()
        """Those of one lease alone."""
        self.ahead: set[str] = set()
        """Leases whose begin lies ahead."""
        self.booked: dict[str, tuple[Pool, ...]] = {}
        """Leases that have or want a slot, and what each of their parts could have: those ahead, and those that now
        begin."""
        self.slots = Slots()
        self.rebook = False
        """Whether a lease has come or gone that has or wants a slot."""
        self.stranded: set[str] = set()
        """Waiting leases whose client does not exist."""
        self.claims: defaultdict[str, set[str]] = defaultdict(set)
        """The uids of the exporters that are claimed by a lease, by the lease's uid."""
        self.refiled: set[str] = set()
        """Waiting leases that have been looked at anew since the last pass."""
        self.assigned: dict[str, Assign] = {}
        self.taken: dict[str, str] = {}
        """Exporters that the last pass gave away, and to which lease."""
        self.kept = Slots()
        """What the last pass kept for gangs."""
        self.look_again: datetime | None = None
        """When ranks may be others, and with them what is kept; None where nothing is."""
        self.leftovers: dict[Pool, tuple[list[LeaseFacts], list[tuple[str, str]]]] = {}
        """Of what is free in a pool: to whom it was given, and what was left, name and uid; found when asked for."""
        self.sentences: dict[tuple[Pool, ...], tuple[str, str]] = {}
        """Why those wait who want something of these pools and of whom there is nothing else to be said."""
        self.restless: set[tuple[Pool, ...]] = set()
        """What leases wait for whose places have changed, perhaps, since this was last emptied."""
        self.restless_pools: set[Pool] = set()
        """The same, for all that wait for something of these."""
        self.spots: set[str] = set()
        """Leases that have an exporter and may be ended for others."""
        self.noticed: set[str] = set()
        """Leases whose holders were told that they are to end."""
        self.contested = False
        """Whether somebody waits who might have a lease ended."""
        self.victims: dict[str, str] = {}
        """Leases to be ended, and which waiting one each is for."""
        self.spared: set[str] = set()
        """Leases that were told so and are to stay."""
        self._policies: dict[str, ExporterAccessPolicy | None] = {}
        self._of_client: defaultdict[str, set[str]] = defaultdict(set)
        self._holding: defaultdict[str, set[str]] = defaultdict(set)
        self._held: defaultdict[str, dict[str, tuple[str, ...]]] = defaultdict(dict)
        """The names of the exporters that a client holds, by the lease's uid."""
        self._rights: dict[tuple[str, timedelta | None], policy_rules.Rights] = {}
        self._moments: list[tuple[datetime, str]] = []

    @property
    def policies(self) -> list[ExporterAccessPolicy | None]:
        """None for each that can't be read."""
        return [policy for _, policy in sorted(self._policies.items(), key=lambda item: item[0])]

    @property
    def situations(self) -> Mapping[str, Situation]:
        """What the exporters are doing, by uid."""
        return self.members.situations

    @property
    def by_name(self) -> Mapping[str, str]:
        """The uids of the exporters."""
        return self.members.by_name

    @property
    def exporters(self) -> list[ExporterFacts]:
        return [situation.exporter for situation in self.situations.values()]

    def put(self, fact: Fact, now: datetime) -> None:
        """A fact that is new or has changed."""
        before = self.facts.get(fact.uid)
        if before == fact:
            return
        if before is not None:
            self._out(before)
        self.facts[fact.uid] = fact
        self._in(fact)
        self._refile_around(before, fact, now)

    def drop(self, uid: str, now: datetime) -> None:
        """What the fact was about does not exist any more."""
        before = self.facts.pop(uid, None)
        if before is not None:
            self._out(before)
            if isinstance(before, ExporterFacts):
                self.members.remove(uid)
            self._refile_around(before, None, now)

    def advance(self, now: datetime) -> None:
        """Looks again at the leases for which a moment has come."""
        while self._moments and self._moments[0][0] <= now:
            _, uid = heappop(self._moments)
            if uid in self.leases:
                self._refile(uid, now)

    def due(self) -> datetime | None:
        """The next moment that makes a difference, or seemed to."""
        moments = [moment for moment, _ in self._moments[:1]] + ([self.look_again] if self.look_again else [])
        return min(moments, default=None)

    def holder_of(self, exporter: ExporterFacts) -> LeaseFacts | None:
        """Whom the exporter is leased or claimed by."""
        holding = self._holding.get(exporter.name)
        if holding:
            return self.leases[max(holding)]
        return self.leases.get(exporter.claim) if exporter.claim is not None else None

    def held_by(self, client: str) -> list[tuple[str, str]]:
        """The uids of the client's leases, each with that of an exporter that it holds."""
        held = self._held.get(client, {}).items()
        return [(uid, self.by_name[name]) for uid, names in held for name in names if name in self.by_name]

    def _in(self, fact: Fact) -> None:
        match fact:
            case ExporterFacts():
                if fact.claim is not None:
                    self.claims[fact.claim].add(fact.uid)
                if fact.vacated is not None:
                    heappush(self._moments, (fact.vacated + CLEANING, fact.uid))
                self.members.settle(fact, self.holder_of(fact))
            case LeaseFacts():
                self.leases[fact.uid] = fact
                self._of_client[fact.request.client].add(fact.uid)
                for name in fact.exporters:
                    self._holding[name].add(fact.uid)
                if fact.exporters:
                    self._held[fact.request.client][fact.uid] = fact.exporters
                    self.spots |= {fact.uid} if fact.spot else set()
                    self.noticed |= {fact.uid} if fact.noticed else set()
                self.usage.add(fact)
            case UsageFacts():
                self.usage.add(fact)
            case ClientFacts():
                self.clients[fact.name] = fact
            case PolicyFacts():
                self._policies[fact.uid] = fact.policy

    def _out(self, fact: Fact) -> None:
        match fact:
            case ExporterFacts():
                if fact.claim is not None:
                    _discard(self.claims, fact.claim, fact.uid)
            case LeaseFacts():
                self._unfile(fact.uid)
                del self.leases[fact.uid]
                _discard(self._of_client, fact.request.client, fact.uid)
                for name in fact.exporters:
                    _discard(self._holding, name, fact.uid)
                if fact.exporters:
                    del self._held[fact.request.client][fact.uid]
                self.spots.discard(fact.uid)
                self.noticed.discard(fact.uid)
                self.usage.add(fact, -1)
            case UsageFacts():
                self.usage.add(fact, -1)
            case ClientFacts():
                if self.clients.get(fact.name) is fact:
                    del self.clients[fact.name]
            case PolicyFacts():
                del self._policies[fact.uid]

    def _refile_around(self, before: Fact | None, after: Fact | None, now: datetime) -> None:
        """Whatever a change of this fact makes a difference to."""
        fact = after or before
        match fact:
            case LeaseFacts() | UsageFacts():
                self._resettle_held(before, after)
                if isinstance(after, LeaseFacts):
                    self._refile(fact.uid, now)
            case ExporterFacts():
                for uid in {each.claim for each in (before, after) if isinstance(each, ExporterFacts)}:
                    if uid in self.leases:
                        self._refile(uid, now)
            case ClientFacts():
                self._forget_rights(fact.name)
                for uid in sorted(self._of_client.get(fact.name, ())):
                    self._refile(uid, now)
            case PolicyFacts():
                self._rights.clear()
                for uid in sorted(self.leases):
                    self._refile(uid, now)

    def _forget_rights(self, client: str) -> None:
        for key in [key for key in self._rights if key[0] == client]:
            del self._rights[key]

    def _resettle_held(self, before: Fact | None, after: Fact | None) -> None:
        """The exporters that a lease held, or holds, or has claimed, have another holder or end."""
        held = {name for fact in (before, after) if isinstance(fact, LeaseFacts) for name in fact.exporters}
        touched = {self.by_name[name] for name in held if name in self.by_name}
        uid = after.uid if after is not None else before.uid if before is not None else ""
        touched |= self.claims.get(uid, set())
        for exporter_uid in touched:
            exporter = self.situations[exporter_uid].exporter
            self.members.settle(exporter, self.holder_of(exporter))

    # leases and their queues

    def _refile(self, uid: str, now: datetime) -> None:
        """Where the lease belongs now: in a queue, ahead, stranded, or nowhere as it holds an exporter or is over."""
        self._unfile(uid)
        lease = self.leases[uid]
        if lease.exporters or (lease.end is not None and lease.end <= now):
            return
        self.refiled.add(uid)
        for moment in (lease.begin, lease.end):
            if moment is not None and moment > now:
                heappush(self._moments, (moment, uid))
        known = lease.request.client in self.clients
        if known and lease.begin is not None and (lease.begin > now or lease.kept):
            self.booked[uid] = self._pools_of(lease)
            self.rebook = True
        if lease.begin is not None and lease.begin > now:
            self.ahead.add(uid)
        elif not known:
            self.stranded.add(uid)
        else:
            queue = self._queue(lease)
            insort(queue.leases, (lease.waits_since, lease.name, uid))
            self.queue_of[uid] = queue
            self.restless.add(queue.pools)

    def _unfile(self, uid: str) -> None:
        self.ahead.discard(uid)
        self.stranded.discard(uid)
        self.refiled.discard(uid)
        queue, booked = self.queue_of.pop(uid, None), self.booked.pop(uid, None)
        if queue is not None:
            lease = self.leases[uid]
            del queue.leases[bisect_left(queue.leases, (lease.waits_since, lease.name, uid))]
            self.restless.add(queue.pools)
            if not queue.leases:
                for pool in set(queue.pools):
                    del self.queues[pool][queue.key]
                self.own_queues.discard(queue)
        if booked is not None:
            self.rebook = True
        for pool in {*(queue.pools if queue is not None else ()), *(booked or ())}:
            if not self.queues[pool] and not any(pool in needed for needed in self.booked.values()):
                self._set_aside(pool)

    def _set_aside(self, pool: Pool) -> None:
        """Nobody asks for what is in the pool any more. The pools of the latest are kept."""
        self._spare[pool] = None
        if len(self._spare) > _SPARE_POOLS:
            oldest = next(iter(self._spare))
            del self._spare[oldest], self.queues[oldest]
            self.members.forget(oldest)

    def _queue(self, lease: LeaseFacts) -> Queue:
        needed, client = self._pools_of(lease), lease.request.client
        own = lease.uid if lease.avoid or lease.kept or lease.uid in self.claims else ""
        key = (tuple(pool.key for pool in needed), client, own)
        queue = self.queues[needed[0]].get(key)
        if queue is None:
            queue = Queue(key, client, needed)
            for pool in needed:
                self.queues[pool][key] = queue
            if queue.own:
                self.own_queues.add(queue)
        return queue

    def _pools_of(self, lease: LeaseFacts) -> tuple[Pool, ...]:
        """What each of the lease's parts could have."""
        return tuple(self._pool_of(request) for request in lease.parts)

    def _pool_of(self, request: Request) -> Pool:
        rights = self._rights_of(request)
        selector = selectors.describe(request.selector) if request.selector is not None else None
        pool = self.members.pool((selector, request.exporter, request.allow_disabled, rights.key), request, rights)
        self._spare.pop(pool, None)
        self.queues.setdefault(pool, {})
        return pool

    def _rights_of(self, request: Request) -> policy_rules.Rights:
        key = (request.client, request.duration)
        if key not in self._rights:
            if len(self._rights) >= _RIGHTS:
                self._rights.clear()
            labels = self.clients[request.client].labels
            self._rights[key] = policy_rules.rights(self.policies, labels, request.duration)
        return self._rights[key]


def _discard(sets: dict[str, set[str]], key: str, value: str) -> None:
    sets[key].discard(value)
    if not sets[key]:
        del sets[key]
