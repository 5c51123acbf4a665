"""The pools of each exporter: a change of an exporter costs the pools that it is in, however many there are."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from typing import TypeAlias, TypeVar

from jumplab_operator.leasing.cache.pools import Pool, PoolKey, Situation
from jumplab_operator.leasing.cache.touched import Touched
from jumplab_operator.leasing.model.facts import ExporterFacts, LeaseFacts, Request
from jumplab_operator.leasing.model.ids import ExporterUid
from jumplab_operator.leasing.model.policy_rules import Rights

_Label: TypeAlias = tuple[str, str]
_K = TypeVar("_K")
_V = TypeVar("_V")


class PoolIndex:
    """The exporters of a namespace in their situations, and the pools that they are in."""

    def __init__(self, touched: Touched) -> None:
        self._touched = touched
        self.situations: dict[ExporterUid, Situation] = {}
        self.by_name: dict[str, ExporterUid] = {}
        self.pools: dict[PoolKey, Pool] = {}
        self.open: set[Pool] = set()
        """Pools in which an exporter is free."""
        self._of: defaultdict[ExporterUid, set[Pool]] = defaultdict(set)
        self._labelled: defaultdict[_Label, set[ExporterUid]] = defaultdict(set)
        self._shelves: defaultdict[str | _Label | None, set[Pool]] = defaultdict(set)
        """Pools by the exporter's name that they pin, or by one of the labels that they ask for; None: by neither."""

    def put(self, exporter: ExporterFacts, holder: LeaseFacts | None) -> None:
        """An exporter is new, or has changed, or has another holder."""
        before, now = self.situations.get(exporter.uid), Situation(exporter, holder)
        if before is not None and _is_like(before.exporter, exporter):
            self._move(before, now)
            return
        if before is not None:
            self.drop(exporter.uid)
        self.situations[exporter.uid] = now
        self.by_name[exporter.name] = exporter.uid
        for label in exporter.labels.items():
            self._labelled[label].add(exporter.uid)
        for pool in self._candidates(exporter):
            if pool.add(now):
                self._of[exporter.uid].add(pool)
                self._touch(pool)

    def drop(self, uid: ExporterUid) -> None:
        """An exporter has gone."""
        situation = self.situations.pop(uid)
        exporter = situation.exporter
        if self.by_name.get(exporter.name) == uid:
            del self.by_name[exporter.name]
        for label in exporter.labels.items():
            _discard(self._labelled, label, uid)
        for pool in self._of.pop(uid, ()):
            pool.remove(situation)
            self._touch(pool)

    def pool(self, key: PoolKey, request: Request, rights: Rights) -> Pool:
        """The pool of that key; `request` and `rights` are what it is made of where it isn't there yet."""
        if key not in self.pools:
            pool = self.pools[key] = Pool(key, request, rights)
            for uid in pool.fill(self._possible(request)):
                self._of[uid].add(pool)
            self._shelves[_shelf(request)].add(pool)
            self._touch(pool)
        return self.pools[key]

    def forget(self, pool: Pool) -> None:
        """Drops a pool that no lease asks for any more."""
        del self.pools[pool.key]
        for uid in pool.grants:
            _discard(self._of, uid, pool)
        _discard(self._shelves, _shelf(pool.request), pool)
        self.open.discard(pool)
        self._touched.pools.discard(pool)
        self._touched.forgotten.add(pool)

    def of(self, uid: ExporterUid) -> Collection[Pool]:
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
            self._touch(pool)

    def _touch(self, pool: Pool) -> None:
        self._touched.pools.add(pool)
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
