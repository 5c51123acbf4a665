"""Pools: the exporters that a kind of request could have, each in its situation, kept sorted while they change.

A pool is found once for all leases that ask for the same with the same rights; after that an exporter that comes,
goes, or changes hands costs each of its pools two insertions.
"""

from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from math import inf
from typing import Any, NamedTuple, TypeAlias

from jumplab_operator.leasing.model import policy_rules, selectors
from jumplab_operator.leasing.model.facts import ExporterFacts, LeaseFacts, Request
from jumplab_operator.leasing.model.ids import ExporterUid, LeaseUid

NEVER = datetime.max.replace(tzinfo=UTC)
_Insert: TypeAlias = Callable[[list[Any], Any], object]


class PoolKey(NamedTuple):
    """Equal for requests that could have the same exporters by the same rights."""

    selector: str | None
    exporter: str | None
    allow_disabled: bool
    rights: str


class Free(NamedTuple):
    """A free exporter. Sorted as exporters are offered: best grant, then name."""

    negative_priority: int
    name: str
    uid: ExporterUid


class Leased(NamedTuple):
    """A leased exporter. Sorted by the end of its lease."""

    end: datetime
    lease: LeaseUid
    uid: ExporterUid


class Spot(NamedTuple):
    """An exporter whose holder may be preempted. Sorted as victims are chosen."""

    unnoticed: bool
    """Whether its lease was not given notice yet."""
    priority: int
    exporters: int
    """How many its lease has."""
    negative_began: float
    """The lease that began last loses the least."""
    lease: LeaseUid
    uid: ExporterUid


@dataclass(frozen=True, slots=True)
class Situation:
    """An exporter and the lease that holds it, by its claim or by the lease's status."""

    exporter: ExporterFacts
    holder: LeaseFacts | None = None

    @property
    def free(self) -> bool:
        return self.exporter.usable and self.exporter.claim is None and self.holder is None


@dataclass(slots=True, eq=False)
class Pool:
    """The exporters that match a request, are enabled and permitted, by what can be had of them."""

    key: PoolKey
    request: Request
    """The first request of this kind; the others differ in what does not matter here."""
    rights: policy_rules.Rights
    grants: dict[ExporterUid, policy_rules.Grant] = field(default_factory=dict)
    """All exporters of the pool, each with the right to it."""
    free: list[Free] = field(default_factory=list)
    """Ready to be leased."""
    leased: list[Leased] = field(default_factory=list)
    """Online and held by a lease that is known."""
    spot: list[Spot] = field(default_factory=list)
    """Those of the leased whose holders may be preempted."""
    unready: list[str] = field(default_factory=list)
    """Names of those that are online, and neither free nor held by a lease that is known."""
    offline: list[str] = field(default_factory=list)
    quarantined: list[str] = field(default_factory=list)
    """Names of those that are online, not held, and not offered to leases."""
    kinds: Counter[policy_rules.Grant] = field(default_factory=Counter)
    """How many exporters by each right."""

    @property
    def best(self) -> policy_rules.Grant:
        """The best right to anything in the pool, which must not be empty."""
        return max(self.kinds, key=policy_rules.rank)

    @property
    def longest(self) -> policy_rules.Grant:
        """The right to something in the pool that permits the longest lease. The pool must not be empty."""
        return max(self.kinds, key=lambda grant: grant.maximum_duration or timedelta.max)

    def admits(self, exporter: ExporterFacts) -> policy_rules.Grant | None:
        """The right to the exporter, if it is of this pool."""
        request = self.request
        if request.exporter is not None and request.exporter != exporter.name:
            return None
        if not (exporter.enabled or request.allow_disabled):
            return None
        if request.selector is not None and not selectors.matches(request.selector, exporter.labels):
            return None
        grant = self.rights.grant(exporter.labels)
        return grant if isinstance(grant, policy_rules.Grant) else None

    def fill(self, situations: Iterable[Situation]) -> Iterable[ExporterUid]:
        """Adds all exporters that are of this pool at once; returns what is in it now."""
        for situation in situations:
            grant = self.admits(situation.exporter)
            if grant is not None:
                self._add(situation, grant, list.append)
        for each in (self.free, self.leased, self.spot, self.unready, self.offline, self.quarantined):
            each.sort()
        return self.grants

    def add(self, situation: Situation) -> bool:
        """Adds an exporter, if it is of this pool; returns whether it is."""
        grant = self.admits(situation.exporter)
        if grant is not None:
            self._add(situation, grant, insort)
        return grant is not None

    def move(self, before: Situation, now: Situation) -> None:
        """Puts an exporter of this pool where its new situation belongs."""
        grant = self.grants[now.exporter.uid]
        self._remove(before, grant)
        self._sort_in(now, grant, insort)

    def remove(self, situation: Situation) -> None:
        """Removes an exporter that was last in this situation."""
        grant = self.grants.pop(situation.exporter.uid)
        self.kinds[grant] -= 1
        if not self.kinds[grant]:
            del self.kinds[grant]
        self._remove(situation, grant)

    def _add(self, situation: Situation, grant: policy_rules.Grant, insert: _Insert) -> None:
        self.grants[situation.exporter.uid] = grant
        self.kinds[grant] += 1
        self._sort_in(situation, grant, insert)

    def _sort_in(self, situation: Situation, grant: policy_rules.Grant, insert: _Insert) -> None:
        exporter = situation.exporter
        if situation.free:
            insert(self.free, _free(exporter, grant))
        elif not exporter.online:
            insert(self.offline, exporter.name)
        elif situation.holder is not None:
            insert(self.leased, _leased(exporter, situation.holder))
            if _is_preemptible(situation.holder):
                insert(self.spot, _spot(exporter, situation.holder))
        elif exporter.quarantined:
            insert(self.quarantined, exporter.name)
        else:
            insert(self.unready, exporter.name)

    def _remove(self, situation: Situation, grant: policy_rules.Grant) -> None:
        exporter = situation.exporter
        if situation.free:
            del self.free[bisect_left(self.free, _free(exporter, grant))]
        elif not exporter.online:
            del self.offline[bisect_left(self.offline, exporter.name)]
        elif situation.holder is not None:
            del self.leased[bisect_left(self.leased, _leased(exporter, situation.holder))]
            if _is_preemptible(situation.holder):
                del self.spot[bisect_left(self.spot, _spot(exporter, situation.holder))]
        elif exporter.quarantined:
            del self.quarantined[bisect_left(self.quarantined, exporter.name)]
        else:
            del self.unready[bisect_left(self.unready, exporter.name)]


def longest_rights(pools: Iterable[Pool]) -> list[policy_rules.Grant]:
    """Of each pool the right that permits the longest lease: no lease with an exporter of each of them lasts longer."""
    return [pool.longest for pool in pools if pool.kinds]


def _free(exporter: ExporterFacts, grant: policy_rules.Grant) -> Free:
    return Free(-grant.priority, exporter.name, exporter.uid)


def _is_preemptible(holder: LeaseFacts) -> bool:
    """Whether the lease is assigned, and a lease of higher priority may preempt it."""
    return holder.spot and bool(holder.exporters)


def _spot(exporter: ExporterFacts, holder: LeaseFacts) -> Spot:
    began = -holder.began.timestamp() if holder.began is not None else -inf
    return Spot(not holder.noticed, holder.priority, len(holder.exporters), began, holder.uid, exporter.uid)


def _leased(exporter: ExporterFacts, holder: LeaseFacts) -> Leased:
    return Leased(holder.end or NEVER, holder.uid, exporter.uid)
