"""Pools: the exporters that a kind of request could have, each in its situation, kept sorted while they change.

A pool is found once for all leases that ask for the same with the same rights; after that an exporter that comes,
goes, or changes hands costs each of its pools two insertions.
"""

from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeAlias

from jumplab_operator.leasing import access, selectors
from jumplab_operator.leasing.facts import ExporterFacts, LeaseFacts, Request

Key: TypeAlias = tuple[str | None, str | None, bool, str]
"""Selector, pinned exporter, whether disabled ones count, and the client's rights."""
Free: TypeAlias = tuple[int, str, str]
Leased: TypeAlias = tuple[datetime, str, str]
NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Situation:
    """An exporter and who has it."""

    exporter: ExporterFacts
    holder: LeaseFacts | None = None

    @property
    def free(self) -> bool:
        exporter = self.exporter
        return exporter.online and exporter.available and exporter.claim is None and self.holder is None


@dataclass(slots=True, eq=False)
class Pool:
    """The exporters that match, are enabled and permitted."""

    key: Key
    request: Request
    """The first request of this kind; the others differ in what does not matter here."""
    rights: access.Rights
    grants: dict[str, access.Grant] = field(default_factory=dict)
    """By the exporter's uid."""
    free: list[Free] = field(default_factory=list)
    """Ready to be leased, in the order in which they are offered: best grant, then name."""
    leased: list[Leased] = field(default_factory=list)
    """Online and held, the first to end first."""
    unready: list[str] = field(default_factory=list)
    """Names of those that are online, and neither free nor held by a lease that is known."""
    offline: list[str] = field(default_factory=list)

    changed: bool = False
    """Whether an exporter of it came, went or changed hands since this was last set to False."""
    satisfiable: bool = True
    """Whether those who wait were told that there is anything in it at all."""
    kinds: Counter[access.Grant] = field(default_factory=Counter)
    """How many exporters by each right."""

    @property
    def best(self) -> access.Grant:
        """The best right to anything in the pool, which must not be empty."""
        return max(self.kinds, key=access.rank)

    @property
    def online(self) -> int:
        """How many are connected."""
        return len(self.grants) - len(self.offline)

    def admits(self, exporter: ExporterFacts) -> access.Grant | None:
        """The right to the exporter, if it is of this pool."""
        request = self.request
        if request.exporter is not None and request.exporter != exporter.name:
            return None
        if not (exporter.enabled or request.allow_disabled):
            return None
        if request.selector is not None and not selectors.matches(request.selector, exporter.labels):
            return None
        grant = self.rights.grant(exporter.labels)
        return grant if isinstance(grant, access.Grant) else None

    def fill(self, situations: Iterable[Situation]) -> None:
        """Takes all exporters in at once, those that aren't of this pool left out."""
        for situation in situations:
            grant = self.admits(situation.exporter)
            if grant is not None:
                self._take_in(situation, grant, list.append)
        for each in (self.free, self.leased, self.unready, self.offline):
            each.sort()

    def add(self, situation: Situation) -> None:
        """An exporter has come, if it is of this pool."""
        grant = self.admits(situation.exporter)
        if grant is not None:
            self._take_in(situation, grant, insort)

    def _take_in(self, situation: Situation, grant: access.Grant, put: Callable[[list[Any], Any], object]) -> None:
        exporter = situation.exporter
        self.changed = True
        self.grants[exporter.uid] = grant
        self.kinds[grant] += 1
        if situation.free:
            put(self.free, _offer(exporter, grant))
        elif not exporter.online:
            put(self.offline, exporter.name)
        elif situation.holder is not None:
            put(self.leased, _held(exporter, situation.holder))
        else:
            put(self.unready, exporter.name)

    def remove(self, situation: Situation) -> None:
        """It has gone: `situation` is what it came or was filled in with."""
        exporter = situation.exporter
        grant = self.grants.pop(exporter.uid, None)
        if grant is None:
            return
        self.changed = True
        self.kinds[grant] -= 1
        if not self.kinds[grant]:
            del self.kinds[grant]
        if situation.free:
            del self.free[bisect_left(self.free, _offer(exporter, grant))]
        elif not exporter.online:
            del self.offline[bisect_left(self.offline, exporter.name)]
        elif situation.holder is not None:
            del self.leased[bisect_left(self.leased, _held(exporter, situation.holder))]
        else:
            del self.unready[bisect_left(self.unready, exporter.name)]


def _offer(exporter: ExporterFacts, grant: access.Grant) -> Free:
    return -grant.priority, exporter.name, exporter.uid


def _held(exporter: ExporterFacts, holder: LeaseFacts) -> Leased:
    return holder.end or NEVER, holder.uid, exporter.uid


class Labels:
    """Which exporters have a label: narrows the search for a pool's exporters."""

    def __init__(self) -> None:
        self._uids: dict[tuple[str, str], set[str]] = {}

    def add(self, exporter: ExporterFacts) -> None:
        for label in exporter.labels.items():
            self._uids.setdefault(label, set()).add(exporter.uid)

    def remove(self, exporter: ExporterFacts) -> None:
        for label in exporter.labels.items():
            self._uids[label].discard(exporter.uid)
            if not self._uids[label]:
                del self._uids[label]

    def narrow(self, request: Request, by_name: Mapping[str, str]) -> Iterable[str] | None:
        """The uids of all that could match, perhaps of more; None: of any."""
        if request.exporter is not None:
            return [by_name[request.exporter]] if request.exporter in by_name else []
        wanted = request.selector.match_labels.items() if request.selector is not None else ()
        return min((self._uids.get(label, set()) for label in wanted), key=len, default=None)
