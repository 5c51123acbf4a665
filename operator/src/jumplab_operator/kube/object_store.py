"""The custom resources as last seen, keyed by uid. Fed by watches, by lists, and by the answers to our own writes.

One may be ahead of the API: it then shows a deferred status, which is to be written soon.
"""

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from jumplab_operator.names import Name
from jumplab_operator.resources import Client, Exporter, ExporterAccessPolicy, Lease, Resource, Unreadable
from jumplab_operator.resources.metadata import Model

_log = logging.getLogger(__name__)

KINDS: tuple[type[Resource], ...] = (Exporter, Client, Lease, ExporterAccessPolicy)
_R = TypeVar("_R", bound=Resource)


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object of the store."""

    kind: type[Resource]
    name: Name
    uid: str
    version: int
    resource: Resource | None
    """The typed view, with the spec in force where its own can't be read; None where there is none."""
    problem: str = ""
    """Why the object can't be read as it is."""
    plain: Mapping[str, Any] = field(default_factory=dict)
    """The object itself, where it can't be read; else empty."""


Listener = Callable[[StoredObject | None, StoredObject | None], None]
"""Called with the object before and now; None: there was, or is, no such object."""


class ObjectStore:
    """Reads are without I/O. What comes late, with an older resource version, changes nothing."""

    def __init__(self) -> None:
        self._by_uid: dict[str, StoredObject] = {}
        self._by_kind: dict[type[Resource], dict[str, StoredObject]] = {kind: {} for kind in KINDS}
        self._by_name: dict[tuple[type[Resource], Name], StoredObject] = {}
        self._buried: dict[str, None] = {}
        self._stored: dict[str, Model] = {}
        """By the uids of those that are ahead of the API: the status that it has."""
        self._listeners: list[Listener] = []

    def on_change(self, listener: Listener) -> None:
        self._listeners.append(listener)

    def get(self, kind: type[_R], name: Name) -> _R | None:
        """The resource of that name, if it is there and can be read."""
        seen = self._by_name.get((kind, name))
        return seen.resource if seen is not None and isinstance(seen.resource, kind) else None

    def by_uid(self, kind: type[_R], uid: str) -> _R | None:
        seen = self._by_uid.get(uid)
        return seen.resource if seen is not None and isinstance(seen.resource, kind) else None

    def seen(self, uid: str) -> StoredObject | None:
        return self._by_uid.get(uid)

    def problem(self, kind: type[Resource], name: Name) -> str:
        """Why the object of that name can't be read as it is; empty where it can, or isn't there."""
        seen = self._by_name.get((kind, name))
        return seen.problem if seen is not None else ""

    def is_gone(self, uid: str) -> bool:
        """Whether the object was seen deleted. One that isn't in the store need not be: it may not have come yet."""
        return uid in self._buried

    def all_of(self, kind: type[_R], namespace: str | None = None) -> list[_R]:
        """The readable resources of a kind, in one namespace or in all, by name."""
        found = [
            seen.resource
            for seen in self._by_kind[kind].values()
            if isinstance(seen.resource, kind) and namespace in (None, seen.name.namespace)
        ]
        return sorted(found, key=lambda resource: (resource.namespace, resource.name))

    def put(self, kind: type[Resource], plain: Mapping[str, Any]) -> None:
        """Takes an object over, if it is newer than what is known and was not seen deleted."""
        uid = plain["metadata"]["uid"]
        before = self._by_uid.get(uid)
        # Checked before it is parsed: most events of watches repeat the answers to our own writes.
        if uid in self._buried or (before is not None and before.version >= _version(plain)):
            return
        now = _seen(kind, plain)
        namesake = self._by_name.get((kind, now.name))
        if namesake is not None and namesake.uid != now.uid:
            if namesake.version > now.version:
                return
            self.drop(namesake.uid)
        self._store(before, self._with_deferred(before, now))

    def show_deferred(self, uid: str, status: Model) -> None:
        """Shows the resource with a status that is to be written.

        It is shown until another status is, or until the API has another spec or status.
        """
        before = self._by_uid[uid]
        assert before.resource is not None, "what can't be read isn't written"
        self._stored.setdefault(uid, before.resource.status)
        self._store(before, replace(before, resource=before.resource.model_copy(update={"status": status})))

    def drop_deferred(self, uid: str) -> None:
        """Shows the status that the API has, if a deferred one was shown."""
        before, stored = self._by_uid.get(uid), self._stored.pop(uid, None)
        if before is not None and before.resource is not None and stored is not None:
            self._store(before, replace(before, resource=before.resource.model_copy(update={"status": stored})))

    def shows_deferred(self, uid: str) -> bool:
        """Whether it shows what is still to be written."""
        return uid in self._stored

    def stored_status(self, resource: Resource) -> Model:
        """The status that the API has, as far as is known, where the resource shows another."""
        return self._stored.get(resource.uid, resource.status)

    def _with_deferred(self, before: StoredObject | None, now: StoredObject) -> StoredObject:
        """The API's object, with the deferred status where that still stands: only a label has changed, say."""
        stored = self._stored.get(now.uid)
        if stored is None or before is None or before.resource is None:
            return now
        same_spec = now.resource and now.resource.metadata.generation == before.resource.metadata.generation
        if now.resource is None or not same_spec or now.resource.status != stored:
            del self._stored[now.uid]
            return now
        return replace(now, resource=now.resource.model_copy(update={"status": before.resource.status}))

    def _store(self, before: StoredObject | None, now: StoredObject) -> None:
        self._by_uid[now.uid] = self._by_kind[now.kind][now.uid] = now
        self._by_name[now.kind, now.name] = now
        self._notify_listeners(before, now)

    def drop(self, uid: str) -> None:
        """Forgets an object that was deleted; late news of it are ignored."""
        self._bury(uid)
        self._stored.pop(uid, None)
        before = self._by_uid.pop(uid, None)
        if before is None:
            return
        del self._by_kind[before.kind][uid]
        if self._by_name.get((before.kind, before.name)) is before:
            del self._by_name[before.kind, before.name]
        self._notify_listeners(before, None)

    def uids(self, kind: type[Resource]) -> set[str]:
        """The uids of what is known of a kind."""
        return set(self._by_kind[kind])

    def replace(self, kind: type[Resource], listed: Iterable[Mapping[str, Any]], known_before: set[str]) -> None:
        """Takes a list over: what was known before the list was asked for and isn't in it is gone."""
        objects = list(listed)
        present = {str(plain["metadata"]["uid"]) for plain in objects}
        for uid in (known_before & self.uids(kind)) - present:
            self.drop(uid)
        for plain in objects:
            self.put(kind, plain)

    def _bury(self, uid: str) -> None:
        self._buried[uid] = None
        while len(self._buried) > 10_000:
            del self._buried[next(iter(self._buried))]

    def _notify_listeners(self, before: StoredObject | None, now: StoredObject | None) -> None:
        for listener in self._listeners:
            listener(before, now)


def _seen(kind: type[Resource], plain: Mapping[str, Any]) -> StoredObject:
    metadata = plain["metadata"]
    name = Name(metadata.get("namespace", ""), metadata["name"])
    version = _version(plain)
    try:
        return StoredObject(kind, name, metadata["uid"], version, kind.from_plain(plain))
    except Unreadable as unreadable:
        _log.warning("%s", unreadable)
        return StoredObject(kind, name, metadata["uid"], version, _in_force(kind, plain), unreadable.problem, plain)


def _in_force(kind: type[Resource], plain: Mapping[str, Any]) -> Resource | None:
    """An object whose spec can't be read, with the one that is in force meanwhile: no bad edit ends what runs."""
    spec = kind.spec_in_force(plain)
    try:
        return kind.from_plain({**plain, "spec": spec}) if spec is not None else None
    except Unreadable:
        return None


def _version(plain: Mapping[str, Any]) -> int:
    return int(plain["metadata"]["resourceVersion"])
