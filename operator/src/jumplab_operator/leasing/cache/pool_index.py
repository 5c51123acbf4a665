"""Which exporter is in which pools: a change of an exporter costs the pools that it is in, however many there are."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from typing import TypeAlias, TypeVar

from jumplab_operator.leasing.cache.pools import Key, Pool, Situation
from jumplab_operator.leasing.model.facts import ExporterFacts, LeaseFacts, Request
from jumplab_operator.leasing.model.policy_rules import Rights

_Label: TypeAlias = tuple[str, str]
_K = TypeVar("_K")
_V = TypeVar("_V")


class Memberships:
    """The exporters of a namespace in their situations, and the pools that they are in."""

    def __init__(self) -> None:
        self.situations: dict[str, Situation] = {}
        """By the exporter's uid."""
        self.by_name: dict[str, str] = {}
        """The uids of exporters."""
        self.pools: dict[Key, Pool] = {}
        self.open: set[Pool] = set()
        """Pools in which something is free."""
        self.stirred: set[Pool] = set()
        """Pools that are new, or in which an exporter came, went or changed hands since this was last emptied."""
        self._of: defaultdict[str, set[Pool]] = defaultdict(set)
        self._labelled: defaultdict[_Label, set[str]] = defaultdict(set)
        self._shelves: defaultdict[str | _Label | None, set[Pool]] = defaultdict(set)
        """Pools by the exporter's name that they pin, or by one of the labels that they ask for; None: by neither."""

    def settle(self, exporter: ExporterFacts, holder: LeaseFacts | None) -> None:
        """An exporter has come, or is another, or in another situation."""
        before, now = self.situations.get(exporter.uid), Situation(exporter, holder)
        if before is not None and _is_like(before.exporter, exporter):
            self._move(before, now)
            return
        if before is not None:
            self.remove(exporter.uid)
        self.situations[exporter.uid] = now
        self.by_name[exporter.name] = exporter.uid
        for label in exporter.labels.items():
            self._labelled[label].add(exporter.uid)
        for pool in self._candidates(exporter):
            if pool.add(now):
                self._of[exporter.uid].add(pool)
                self._stir(pool)

    def remove(self, uid: str) -> None:
        """An exporter has gone."""
        situation = self.situations.pop(uid)
        exporter = situation.exporter
        if self.by_name.get(exporter.name) == uid:
            del self.by_name[exporter.name]
        for label in exporter.labels.items():
            _discard(self._labelled, label, uid)
        for pool in self._of.pop(uid, ()):
            pool.remove(situation)
            self._stir(pool)

    def pool(self, key: Key, request: Request, rights: Rights) -> Pool:
        """The pool of that key; `request` and `rights` are what it is made of where it isn't there yet."""
        if key not in self.pools:
            pool = self.pools[key] = Pool(key, request, rights)
            for uid in pool.fill(self._possible(request)):
                self._of[uid].add(pool)
            self._shelves[_shelf(request)].add(pool)
            self._stir(pool)
        return self.pools[key]

    def forget(self, pool: Pool) -> None:
        """Nobody asks for what is in the pool any more."""
        del self.pools[pool.key]
        for uid in pool.grants:
            _discard(self._of, uid, pool)
        _discard(self._shelves, _shelf(pool.request), pool)
        self.open.discard(pool)
        self.stirred.discard(pool)

    def of(self, uid: str) -> Collection[Pool]:
        """The pools that the exporter is in."""
        return self._of.get(uid, ())

    def rivals(self, pool: Pool) -> Iterable[Pool]:
        """The pools that share an exporter with this one, itself among them; none where it is empty."""
        if len(pool.grants) < len(self.pools):
            return {other for uid in pool.grants for other in self._of[uid]}
        return [other for other in self.pools.values() if not other.grants.keys().isdisjoint(pool.grants)]

    def _move(self, before: Situation, now: Situation) -> None:
        self.situations[now.exporter.uid] = now
        for pool in self._of.get(now.exporter.uid, ()):
            pool.move(before, now)
            self._stir(pool)

    def _stir(self, pool: Pool) -> None:
        self.stirred.add(pool)
        if pool.free:
            self.open.add(pool)
        else:
            self.open.discard(pool)

    def _candidates(self, exporter: ExporterFacts) -> Iterator[Pool]:
        """All pools that the exporter could be in, perhaps more."""
        for shelf in (exporter.name, *exporter.labels.items(), None):
            yield from self._shelves.get(shelf, ())

    def _possible(self, request: Request) -> Iterable[Situation]:
        """All exporters that could match, perhaps more."""
        if request.exporter is not None:
            uid = self.by_name.get(request.exporter)
            return [self.situations[uid]] if uid is not None else []
        uids = min((self._labelled.get(label, set()) for label in _asked_labels(request)), key=len, default=None)
        return self.situations.values() if uids is None else [self.situations[uid] for uid in uids]


def _shelf(request: Request) -> str | _Label | None:
    return request.exporter if request.exporter is not None else min(_asked_labels(request), default=None)


def _asked_labels(request: Request) -> Iterable[_Label]:
    return request.selector.match_labels.items() if request.selector is not None else ()


def _is_like(one: ExporterFacts, other: ExporterFacts) -> bool:
    """Whether both are in the same pools."""
    return (one.name, one.enabled, one.labels) == (other.name, other.enabled, other.labels)


def _discard(sets: dict[_K, set[_V]], key: _K, value: _V) -> None:
    sets[key].discard(value)
    if not sets[key]:
        del sets[key]
