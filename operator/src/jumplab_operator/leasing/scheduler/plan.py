"""The plan: which waiting lease gets which exporter, and why the others wait.

`plan` is incremental: a change costs what it touches. What it decides equals planning the same facts from scratch.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from heapq import heapify, heappop, heappush

from jumplab_operator.leasing.cache.namespace_cache import Queue, Space
from jumplab_operator.leasing.cache.pools import Pool, longest_rights
from jumplab_operator.leasing.cache.quotas import Holdings
from jumplab_operator.leasing.cache.reservation_placement import begin_of, movable, place
from jumplab_operator.leasing.explain import gang_reasons, pending_reasons
from jumplab_operator.leasing.explain.blockers import in_the_way
from jumplab_operator.leasing.explain.candidates import find_candidates, wanted
from jumplab_operator.leasing.explain.explain import Considered, Resources, explain
from jumplab_operator.leasing.explain.queue_position import (
    REACH,
    TOLD,
    Needed,
    Place,
    awaited,
    place_of,
    places,
    rival_queues,
)
from jumplab_operator.leasing.lease.entitlement import entitlement
from jumplab_operator.leasing.lease.validation import Refusal
from jumplab_operator.leasing.model.decisions import Decision, Preempt, Spare, Wait
from jumplab_operator.leasing.model.facts import ExporterFacts, Fact, LeaseFacts
from jumplab_operator.leasing.model.lease_length import end_of, exporter_seconds
from jumplab_operator.leasing.model.policy_rules import Grant
from jumplab_operator.leasing.model.ranking import Rank, rank
from jumplab_operator.leasing.model.usage import hour_of
from jumplab_operator.leasing.scheduler.admission_cycle import Pass
from jumplab_operator.leasing.scheduler.preemption import Preemption, contested
from jumplab_operator.resources import LabelSelector

LOOK_AGAIN = timedelta(minutes=1)
"""While something is kept for gangs, ranks are compared so often: those who wait long rise in rank."""


class State:
    """All that the plan rests on. `plan` takes it over: of two states only the one that it returned is good."""

    def __init__(self) -> None:
        self.spaces: dict[str, Space] = {}

    @property
    def due(self) -> datetime | None:
        """When to plan again if nothing changes before; None: never."""
        return min((due for space in self.spaces.values() if (due := space.due()) is not None), default=None)

    def decision(self, namespace: str, lease_uid: str) -> Decision | None:
        """What is decided for a lease that waits or is in the way; None where none of that uid does or is."""
        space = self.spaces.get(namespace)
        return _decision(space, lease_uid) if space is not None else None

    def claimed_by(self, namespace: str, lease_uid: str) -> Iterable[str]:
        """The uids of the exporters that the lease has claimed."""
        space = self.spaces.get(namespace)
        return sorted(space.claims.get(lease_uid, ())) if space is not None else ()

    def movable(self, namespace: str, lease_uid: str, begin: datetime, end: datetime | None) -> bool:
        """Whether an exporter could be kept for the lease, which has a slot, at that time instead; without an end as
        long as the lease may have it."""
        space = self.spaces.get(namespace)
        return space is not None and movable(space, lease_uid, begin, end)

    def right(
        self, namespace: str, lease_uid: str, exporter_uids: Sequence[str], client: str, length: timedelta | None
    ) -> Grant | Refusal:
        """By what right the client could hold the lease, which has these exporters, for so long."""
        return entitlement(self.spaces.get(namespace) or Space(), client, exporter_uids, length, lease_uid)

    def kept_from(self, namespace: str, exporter_uid: str, lease_uid: str) -> datetime | None:
        """When the exporter that the lease holds is kept for another."""
        space = self.spaces.get(namespace)
        return space.slots.next_begin(exporter_uid, lease_uid) if space is not None else None

    def needed(self, namespace: str, lease_uid: str) -> Needed | None:
        """What the lease stands in a queue for; None where it is in none."""
        space = self.spaces.get(namespace)
        queue = space.queue_of.get(lease_uid) if space is not None else None
        return queue.pools if queue is not None else None

    def places(
        self, namespace: str, needed: Needed, now: datetime, most: int = TOLD, reach: int = REACH
    ) -> Mapping[str, Place]:
        """Where the first of those stand who need this, see `standing.places`."""
        space = self.spaces.get(namespace)
        return places(space, needed, now, most, reach) if space is not None else {}

    def place_of(self, namespace: str, lease_uid: str, now: datetime) -> Place | None:
        """Where the lease stands; None where it is in no queue."""
        space = self.spaces.get(namespace)
        return place_of(space, lease_uid, now) if space is not None else None

    def explain(self, namespace: str, lease_uid: str, resource: Resources) -> list[Considered]:
        """Each exporter considered for a waiting lease, and why it hasn't got it; nothing for one that doesn't wait."""
        space = self.spaces.get(namespace)
        lease = space.leases.get(lease_uid) if space is not None else None
        return (
            explain(space, lease, resource) if space is not None and lease is not None and not lease.exporters else []
        )

    def awaited(self, namespace: str, selector: LabelSelector) -> list[Needed]:
        """What leases stand in a queue for, see `standing.awaited`."""
        space = self.spaces.get(namespace)
        return awaited(space, selector) if space is not None else []

    def take_restless(self) -> Mapping[str, set[Needed]]:
        """By namespace, for what places may have changed since this was last asked, and for what else these matter."""
        found: dict[str, set[Needed]] = {}
        for name, space in self.spaces.items():
            pools = space.restless_pools | {pool for needed in space.restless for pool in needed}
            needed = space.restless | {queue.pools for queue in rival_queues(space, pools)}
            space.restless, space.restless_pools = set(), set()
            if needed:
                found[name] = needed
        return found

    def waiting(self, namespace: str) -> Iterable[str]:
        """The uids of all leases for which something is decided."""
        space = self.spaces.get(namespace)
        if space is None:
            return []
        return [*space.queue_of, *space.ahead, *space.stranded, *space.victims, *space.spared]


@dataclass(frozen=True, slots=True)
class Changes:
    """What has become different, and what time it is now."""

    now: datetime
    put: Sequence[Fact] = ()
    """At most one for each uid."""
    gone: Sequence[tuple[str, str]] = ()
    """Namespace and uid of what does not exist any more."""


def plan(state: State, changes: Changes) -> tuple[State, Mapping[str, Decision]]:
    """The state after the changes, and what is decided for the leases whose turn it is to be told, by their uid.

    These are leases that are new or were changed, whose exporter is another, and the first of each pool in which
    something has changed.
    """
    touched = _apply(state, changes)
    decisions: dict[str, Decision] = {}
    for name, space in list(state.spaces.items()):
        due = space.due()
        unsettled = space.assigned or space.kept.kept or space.contested
        if name not in touched and not unsettled and (due is None or due > changes.now):
            continue
        for uid in _decide(space, changes.now):
            decision = _decision(space, uid)
            if decision is not None:
                decisions[uid] = decision
        if not space.facts:
            del state.spaces[name]
    return state, decisions


def _apply(state: State, changes: Changes) -> set[str]:
    for namespace, uid in changes.gone:
        if namespace in state.spaces:
            state.spaces[namespace].drop(uid, changes.now)
    for fact in sorted(changes.put, key=_in_order):
        if fact.namespace not in state.spaces:
            state.spaces[fact.namespace] = Space()
        state.spaces[fact.namespace].put(fact, changes.now)
    return {fact.namespace for fact in changes.put} | {namespace for namespace, _ in changes.gone}


def _in_order(fact: Fact) -> int:
    """What others are looked up in comes first: it saves doing them twice."""
    if isinstance(fact, ExporterFacts):
        return 2
    if isinstance(fact, LeaseFacts):
        return 1 if fact.exporters else 3
    return 0


def _decide(space: Space, now: datetime) -> set[str]:
    """One pass; who is to be told."""
    space.advance(now)
    slots_before = space.slots.kept
    stirred = space.members.stirred
    if space.rebook or any(not stirred.isdisjoint(needed) for needed in space.booked.values()):
        space.slots, space.rebook = place(space), False
    done = Pass(space, now)
    done.run()
    before, space.assigned, space.taken, space.leftovers = space.assigned, done.assigned, done.taken, {}
    space.sentences = {}
    kept_before, space.kept = space.kept.kept, done.kept
    space.look_again = now + LOOK_AGAIN if done.kept.kept else None
    told = {uid for uid in {*before, *done.assigned} if before.get(uid) != done.assigned.get(uid)}
    told |= {uid for uid in {*kept_before, *done.kept.kept} if kept_before.get(uid) != done.kept.kept.get(uid)}
    kept = space.slots.kept
    told |= {uid for uid in space.ahead & {*slots_before, *kept} if slots_before.get(uid) != kept.get(uid)}
    told |= _preempt(space, now) | space.refiled
    space.refiled = set()
    for pool in stirred:
        queues = space.queues[pool].values()
        for queue in queues:
            if len(queue.pools) > 1 and queue.was_satisfiable != queue.satisfiable:
                queue.was_satisfiable = queue.satisfiable
                told |= {uid for *_, uid in queue.leases}
        if pool.satisfiable != bool(pool.grants):  # everything is different: all are told
            told |= {uid for queue in queues for *_, uid in queue.leases}
        elif pool.grants:
            told |= _first(space, [queue for queue in queues if queue.satisfiable], now)
        pool.satisfiable = bool(pool.grants)
    space.restless_pools |= stirred
    space.members.stirred = set()
    return told


def _preempt(space: Space, now: datetime) -> set[str]:
    """Finds who is to be ended for whom; who is to be told."""
    queues = contested(space, now)
    before, spared, space.contested = space.victims, space.spared, bool(queues)
    space.victims = Preemption(space, now).victims(queues) if queues else {}
    space.spared = space.noticed - space.victims.keys()
    told = {uid for uid in {*before, *space.victims} if before.get(uid) != space.victims.get(uid)}
    return told | (space.spared - spared)


def _first(space: Space, queues: Sequence[Queue], now: datetime) -> set[str]:
    """The uids of the first that wait in these queues, which must be satisfiable."""
    best = {pools: queue.best for pools, queue in {queue.pools: queue for queue in queues}.items()}
    hour = hour_of(now)
    used = {client: space.usage.seconds(client, hour) for client in {queue.client for queue in queues}}

    def rank_at(queue: Queue, number: int) -> Rank:
        place = queue.leases[number]  # all before it in its queue are served first
        right = best[queue.pools]
        ahead = number and number * exporter_seconds(space.leases[place[2]], [right])
        return rank(right.priority, used[queue.client] + ahead, right.weight, place, now)

    heads = [(rank_at(queue, 0), 0, queue) for queue in queues]
    heapify(heads)
    found: set[str] = set()
    while heads and len(found) < TOLD:
        ranked, number, queue = heappop(heads)
        found.add(ranked[-1])
        if number + 1 < len(queue.leases):
            heappush(heads, (rank_at(queue, number + 1), number + 1, queue))
    return found


def _decision(space: Space, uid: str) -> Decision | None:
    if uid in space.assigned:
        return space.assigned[uid]
    lease = space.leases.get(uid)
    if lease is None:
        return None
    if lease.exporters:
        if uid in space.victims:
            return Preempt(space.victims[uid])
        return Spare() if lease.noticed else None
    if uid in space.ahead and lease.begin is not None:
        return _scheduled(space, lease)
    waits = _waiting(space, lease)
    # One that had a slot, and whose exporters are late, goes first because of it: it is remembered as long as it waits.
    return replace(waits, kept=lease.kept) if waits is not None and lease.begin is not None else waits


def _waiting(space: Space, lease: LeaseFacts) -> Wait | None:
    uid = lease.uid
    queue = space.queue_of.get(uid)
    if queue is not None and queue.satisfiable:
        if len(queue.pools) > 1:
            return gang_reasons.why_waiting(space, lease, queue)
        excess = _excess(space, lease, queue.pools[0])
        if excess is not None:
            return Wait("Pending", "OverQuota", f"{excess}; it waits until one is released")
        return Wait("Pending", *_reason_and_sentence(space, lease, queue))
    return _unsatisfiable(space, lease) if queue is not None or uid in space.stranded else None


def _reason_and_sentence(space: Space, lease: LeaseFacts, queue: Queue) -> tuple[str, str]:
    if not queue.own and queue.pools in space.sentences:
        return space.sentences[queue.pools]
    [pool] = queue.pools
    told = pending_reasons.explain(lease, in_the_way(space, lease, pool))
    if not queue.own:
        space.sentences[queue.pools] = told
    return told


def _scheduled(space: Space, lease: LeaseFacts) -> Wait:
    kept, at = space.slots.kept.get(lease.uid), begin_of(lease)
    until = space.slots.ends[lease.uid] if kept else end_of(lease, at, longest_rights(space.booked.get(lease.uid, ())))
    begin, end = pending_reasons.format_moment(at), pending_reasons.format_moment(until)
    if not kept:
        what = f"of {wanted(lease.request)} nothing" if len(lease.parts) == 1 else "not all of its exporters"
        message = f"begins at {begin}; {what} can be kept for it until {end} yet"
        return Wait("Pending", "NotAvailable", message)
    names = tuple(space.situations[uid].exporter.name for uid in kept)
    told = f"{pending_reasons.exporters_named(names)} {'is' if len(names) == 1 else 'are'} kept for it until {end}"
    return Wait("Pending", "Scheduled", f"begins at {begin}; {told}", names)


def _excess(space: Space, lease: LeaseFacts, pool: Pool) -> str | None:
    """How a quota keeps the lease from what is there; None where it is something else."""
    if all(grant.quota is None for grant in pool.kinds):
        return None
    client = lease.request.client
    given = [(space.leases[to].request.client, to, uid) for uid, to in space.taken.items()]
    holdings = Holdings(space, [each for each in given if each[0] == client])
    left = [pool.grants[uid] for *_, uid in pool.free if uid not in space.taken and uid not in lease.avoid]
    reasons = [
        holdings.excess(client, grant.quota) if grant.quota is not None else None for grant in left or pool.kinds
    ]
    return reasons[0] if None not in reasons else None


def _unsatisfiable(space: Space, lease: LeaseFacts) -> Wait:
    client = space.clients.get(lease.request.client)
    labels = client.labels if client is not None else None
    tried = [(part, find_candidates(part, space.exporters, labels, space.policies)) for part in lease.parts]
    found = gang_reasons.unsatisfiable(tried)
    if lease.request.patient and found.reason != "TooLong":  # of which waiting makes nothing shorter
        return Wait("Pending", found.reason, f"{found.message}; the lease waits until that changes")
    return Wait("Unsatisfiable", found.reason, found.message)
