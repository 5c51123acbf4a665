"""The plan: which waiting lease gets which exporter, and why the others wait.

Priority first, then age, one exporter each. `plan` is incremental: it looks again only at namespaces in which
something changed or became due; the result equals that of a plan from scratch.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TypeAlias, TypeVar

from jumplab_operator.leasing import waiting
from jumplab_operator.leasing.candidates import Candidate, Unsatisfiable, find_candidates
from jumplab_operator.leasing.facts import ClientFacts, ExporterFacts, Fact, LeaseFacts, PolicyFacts
from jumplab_operator.leasing.times import DEFAULT_DURATION
from jumplab_operator.resources import ExporterAccessPolicy


@dataclass(frozen=True, slots=True)
class Assign:
    """The lease gets this exporter."""

    exporter_uid: str
    exporter: str
    version: str
    """The exporter's resource version that this was decided on."""
    priority: int
    spot_access: bool
    duration: timedelta


@dataclass(frozen=True, slots=True)
class Wait:
    """The lease waits (`condition` Pending), or can't be served as things are (Unsatisfiable)."""

    condition: str
    reason: str
    message: str


Decision: TypeAlias = Assign | Wait
_Policies: TypeAlias = Sequence[ExporterAccessPolicy | None]


@dataclass(frozen=True, slots=True)
class Namespace:
    """The facts of one namespace and what was decided on them, by the lease's uid."""

    facts: Mapping[str, Fact] = field(default_factory=dict)
    decisions: Mapping[str, Decision] = field(default_factory=dict)
    due: datetime | None = None
    """When the passing of time alone changes a decision."""


@dataclass(frozen=True, slots=True)
class State:
    """All that the plan rests on. Immutable: `plan` makes a new one."""

    namespaces: Mapping[str, Namespace] = field(default_factory=dict)

    @property
    def due(self) -> datetime | None:
        """When to plan again if nothing changes before; None: never."""
        return min((space.due for space in self.namespaces.values() if space.due is not None), default=None)

    def decision(self, namespace: str, lease_uid: str) -> Decision | None:
        """What was decided for a waiting lease."""
        space = self.namespaces.get(namespace)
        return space.decisions.get(lease_uid) if space is not None else None


@dataclass(frozen=True, slots=True)
class Changes:
    """What has become different, and what time it is now."""

    now: datetime
    put: Sequence[Fact] = ()
    gone: Sequence[tuple[str, str]] = ()
    """Namespace and uid of what does not exist any more."""


def plan(state: State, changes: Changes) -> tuple[State, Mapping[str, Decision]]:
    """The state after the changes, and the decisions in it that are new or different, by the lease's uid."""
    touched = _apply(state, changes)
    for name, space in state.namespaces.items():
        if name not in touched and space.due is not None and space.due <= changes.now:
            touched[name] = dict(space.facts)
    planned = {name: _plan_namespace(facts, changes.now) for name, facts in touched.items()}
    namespaces = {name: space for name, space in {**state.namespaces, **planned}.items() if space.facts}
    return State(namespaces), _news(state, planned)


def _apply(state: State, changes: Changes) -> dict[str, dict[str, Fact]]:
    touched: dict[str, dict[str, Fact]] = {}
    for name in {fact.namespace for fact in changes.put} | {namespace for namespace, _ in changes.gone}:
        space = state.namespaces.get(name)
        touched[name] = dict(space.facts) if space is not None else {}
    for fact in changes.put:
        touched[fact.namespace][fact.uid] = fact
    for namespace, uid in changes.gone:
        touched[namespace].pop(uid, None)
    return touched


def _news(before: State, planned: Mapping[str, Namespace]) -> dict[str, Decision]:
    return {
        uid: decision
        for name, space in planned.items()
        for uid, decision in space.decisions.items()
        if before.decision(name, uid) != decision
    }


_F = TypeVar("_F", ExporterFacts, LeaseFacts, ClientFacts, PolicyFacts)


def _of(kind: type[_F], facts: Iterable[Fact]) -> list[_F]:
    return sorted((fact for fact in facts if isinstance(fact, kind)), key=lambda fact: fact.uid)


def _plan_namespace(facts: Mapping[str, Fact], now: datetime) -> Namespace:
    exporters, leases = _of(ExporterFacts, facts.values()), _of(LeaseFacts, facts.values())
    clients = {client.name: client.labels for client in _of(ClientFacts, facts.values())}
    policies = [fact.policy for fact in _of(PolicyFacts, facts.values())]
    open_leases = [lease for lease in leases if lease.exporter is None and not _is_over(lease, now)]
    ahead = [lease for lease in open_leases if lease.begin is not None and lease.begin > now]
    decisions: dict[str, Decision] = {lease.uid: _scheduled(lease.begin) for lease in ahead if lease.begin is not None}
    found = _Search(exporters, clients, policies)
    queue: list[_Entry] = []
    for lease in open_leases:
        if lease.uid in decisions:
            continue
        candidates = found.candidates(lease)
        if isinstance(candidates, Unsatisfiable):
            decisions[lease.uid] = Wait("Unsatisfiable", candidates.reason, candidates.message)
        else:
            queue.append((lease, candidates))
    decisions.update(_assign(queue, _Stock.of(exporters, leases)))
    moments = [m for lease in leases if lease.exporter is None for m in (lease.begin, lease.end) if m and m > now]
    return Namespace(dict(facts), decisions, min(moments, default=None))


def _is_over(lease: LeaseFacts, now: datetime) -> bool:
    return lease.end is not None and lease.end <= now


def _scheduled(begin: datetime) -> Wait:
    return Wait("Pending", "Scheduled", f"begins at {waiting.format_moment(begin)}")


class _Search:
    """Candidates by request: leases that ask for the same share the search."""

    def __init__(
        self, exporters: Sequence[ExporterFacts], clients: Mapping[str, Mapping[str, str]], policies: _Policies
    ) -> None:
        self._exporters, self._clients, self._policies = exporters, clients, policies
        self._known: dict[str, list[Candidate] | Unsatisfiable] = {}

    def candidates(self, lease: LeaseFacts) -> list[Candidate] | Unsatisfiable:
        key = repr(lease.request)
        if key not in self._known:
            labels = self._clients.get(lease.request.client)
            self._known[key] = find_candidates(lease.request, self._exporters, labels, self._policies)
        return self._known[key]


@dataclass(slots=True)
class _Stock:
    free: set[str]
    holders: dict[str, LeaseFacts]
    """Whom an exporter is leased or claimed by, by the exporter's uid."""

    @classmethod
    def of(cls, exporters: Sequence[ExporterFacts], leases: Sequence[LeaseFacts]) -> "_Stock":
        by_uid = {lease.uid: lease for lease in leases}
        by_name = {lease.exporter: lease for lease in leases if lease.exporter is not None}
        free = {e.uid for e in exporters if e.online and e.available and e.claim is None and e.name not in by_name}
        claimed = {e.uid: by_uid[e.claim] for e in exporters if e.claim in by_uid}
        return cls(free, {**claimed, **{e.uid: by_name[e.name] for e in exporters if e.name in by_name}})

    def take(self, lease: LeaseFacts, exporter: ExporterFacts) -> None:
        self.free.discard(exporter.uid)
        self.holders[exporter.uid] = replace(lease, exporter=exporter.name)


_Entry: TypeAlias = tuple[LeaseFacts, list[Candidate]]


def _assign(queue: Sequence[_Entry], stock: _Stock) -> dict[str, Decision]:
    decisions: dict[str, Decision] = {}
    waits: list[_Entry] = []
    for lease, candidates in sorted(queue, key=_rank):
        chosen = _choose(lease, candidates, stock)
        if chosen is None:
            waits.append((lease, candidates))
        else:
            stock.take(lease, chosen.exporter)
            decisions[lease.uid] = _assignment(lease, chosen)
    return {**decisions, **_waits(waits, stock)}


def _rank(entry: _Entry) -> tuple[int, datetime, str, str]:
    lease, candidates = entry
    return -candidates[0].grant.priority, lease.created, lease.name, lease.uid


def _choose(lease: LeaseFacts, candidates: Sequence[Candidate], stock: _Stock) -> Candidate | None:
    """The exporter that a claim of this lease is left on, which is to be finished, else the best that is free."""
    offered = [candidate for candidate in candidates if candidate.exporter.uid not in lease.avoid]
    claimed = (c for c in offered if c.exporter.claim == lease.uid and c.exporter.online)
    return next(claimed, None) or next((c for c in offered if c.exporter.uid in stock.free), None)


def _assignment(lease: LeaseFacts, chosen: Candidate) -> Assign:
    exporter, grant = chosen.exporter, chosen.grant
    duration = lease.request.duration or min(DEFAULT_DURATION, grant.maximum_duration or DEFAULT_DURATION)
    return Assign(exporter.uid, exporter.name, exporter.version, grant.priority, grant.spot_access, duration)


def _waits(waits: Sequence[_Entry], stock: _Stock) -> dict[str, Decision]:
    """Leases that ask for the same share the sentence, but one that has a claim left somewhere has its own."""
    claimants = {holder.uid for holder in stock.holders.values() if holder.exporter is None}
    told: dict[str, Wait] = {}
    decisions: dict[str, Decision] = {}
    for lease, candidates in waits:
        key = lease.uid if lease.uid in claimants else repr(lease.request)
        if key not in told:
            told[key] = Wait("Pending", *waiting.explain(lease, candidates, stock.holders))
        decisions[lease.uid] = told[key]
    return decisions
