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
from typing import Any, TypeAlias

from jumplab_operator.leasing.model import policy_rules, selectors
from jumplab_operator.leasing.model.facts import ExporterFacts, LeaseFacts, Request

Key: TypeAlias = tuple[str | None, str | None, bool, str]
"""Selector, pinned exporter, whether disabled ones count, and the client's rights."""
Free: TypeAlias = tuple[int, str, str]
Leased: TypeAlias = tuple[datetime, str, str]
_Put: TypeAlias = Callable[[list[Any], Any], object]
Spot: TypeAlias = tuple[bool, int, int, float, str, str]
"""Whether its holder was not told yet that it is to end, its holder's priority, how many exporters that has and how
late it began (the latest first), the holder's uid, and the exporter's."""
NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Situation:
    """An exporter and who has it."""

    exporter: ExporterFacts
    holder: LeaseFacts | None = None

    @property
    def free(self) -> bool:
        return self.exporter.usable and self.exporter.claim is None and self.holder is None


@dataclass(slots=True, eq=False)
class Pool:
    """The exporters that match, are enabled and permitted."""

    key: Key
    request: Request
    """The first request of this kind; the others differ in what does not matter here."""
    rights: policy_rules.Rights
    grants: dict[str, policy_rules.Grant] = field(default_factory=dict)
    """By the exporter's uid."""
    free: list[Free] = field(default_factory=list)
    """Ready to be leased, in the order in which they are offered: best grant, then name."""
    leased: list[Leased] = field(default_factory=list)
    """Online and held, the first to end first."""
    spot: list[Spot] = field(default_factory=list)
    """Those of the leased whose holders may be ended for others, in the order in which they are."""
    unready: list[str] = field(default_factory=list)
    """Names of those that are online, and neither free nor held by a lease that is known."""
    offline: list[str] = field(default_factory=list)
    quarantined: list[str] = field(default_factory=list)
    """Names of those that are online, and neither held nor given to anybody."""
    satisfiable: bool = True
    """Whether those who wait were told that there is anything in it at all."""
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

    @property
    def online(self) -> int:
        """How many are connected."""
        return len(self.grants) - len(self.offline)

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

    def fill(self, situations: Iterable[Situation]) -> Iterable[str]:
        """Takes all exporters in at once, those that aren't of this pool left out; the uids of what is in it now."""
        for situation in situations:
            grant = self.admits(situation.exporter)
            if grant is not None:
                self._take_in(situation, grant, list.append)
        for each in (self.free, self.leased, self.spot, self.unready, self.offline, self.quarantined):
            each.sort()
        return self.grants

    def add(self, situation: Situation) -> bool:
        """An exporter has come; whether it is of this pool."""
        grant = self.admits(situation.exporter)
        if grant is not None:
            self._take_in(situation, grant, insort)
        return grant is not None

    def move(self, before: Situation, now: Situation) -> None:
        """An exporter of this pool is in another situation."""
        grant = self.grants[now.exporter.uid]
        self._take_out(before, grant)
        self._put(now, grant, insort)

    def remove(self, situation: Situation) -> None:
        """It has gone: `situation` is what it was last in."""
        grant = self.grants.pop(situation.exporter.uid)
        self.kinds[grant] -= 1
        if not self.kinds[grant]:
            del self.kinds[grant]
        self._take_out(situation, grant)

    def _take_in(self, situation: Situation, grant: policy_rules.Grant, put: _Put) -> None:
        self.grants[situation.exporter.uid] = grant
        self.kinds[grant] += 1
        self._put(situation, grant, put)

    def _put(self, situation: Situation, grant: policy_rules.Grant, put: _Put) -> None:
        exporter = situation.exporter
        if situation.free:
            put(self.free, _offer(exporter, grant))
        elif not exporter.online:
            put(self.offline, exporter.name)
        elif situation.holder is not None:
            put(self.leased, _held(exporter, situation.holder))
            if _may_end(situation.holder):
                put(self.spot, _spot(exporter, situation.holder))
        elif exporter.quarantined:
            put(self.quarantined, exporter.name)
        else:
            put(self.unready, exporter.name)

    def _take_out(self, situation: Situation, grant: policy_rules.Grant) -> None:
        exporter = situation.exporter
        if situation.free:
            del self.free[bisect_left(self.free, _offer(exporter, grant))]
        elif not exporter.online:
            del self.offline[bisect_left(self.offline, exporter.name)]
        elif situation.holder is not None:
            del self.leased[bisect_left(self.leased, _held(exporter, situation.holder))]
            if _may_end(situation.holder):
                del self.spot[bisect_left(self.spot, _spot(exporter, situation.holder))]
        elif exporter.quarantined:
            del self.quarantined[bisect_left(self.quarantined, exporter.name)]
        else:
            del self.unready[bisect_left(self.unready, exporter.name)]


def longest_rights(pools: Iterable[Pool]) -> list[policy_rules.Grant]:
    """Of each pool the right that permits the longest lease: no lease of something of each of them lasts longer."""
    return [pool.longest for pool in pools if pool.kinds]


def _offer(exporter: ExporterFacts, grant: policy_rules.Grant) -> Free:
    return -grant.priority, exporter.name, exporter.uid


def _may_end(holder: LeaseFacts) -> bool:
    """Whether the lease has what it waited for, and a higher priority may end it."""
    return holder.spot and bool(holder.exporters)


def _spot(exporter: ExporterFacts, holder: LeaseFacts) -> Spot:
    began = -holder.began.timestamp() if holder.began is not None else -inf
    return not holder.noticed, holder.priority, len(holder.exporters), began, holder.uid, exporter.uid


def _held(exporter: ExporterFacts, holder: LeaseFacts) -> Leased:
    return holder.end or NEVER, holder.uid, exporter.uid
