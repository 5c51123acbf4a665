"""A Kubernetes API in memory, as far as the operator uses one, which fails on demand.

Objects are never changed in place, so that what was given away stays what it was.
"""

from __future__ import annotations

import asyncio
import itertools
from collections import defaultdict
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from jumplab_operator.errors import ApiRefused, ApiUnreachable, NoSuchObject
from jumplab_operator.kube.client import CORE, CUSTOM, KubeApi
from jumplab_operator.kube.object_store import KINDS
from jumplab_operator.resources.metadata import format_instant

Plain = dict[str, Any]
_WATCHED = {kind.PLURAL for kind in KINDS}
NAMESPACE = "lab"


class Store:
    """The objects, and what watches are told of them."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self.now = now
        self.diary: list[str] = []
        """What operators have written, for the one who looks for a mistake."""
        self.onlookers: list[Callable[[str, Plain, Plain], None]] = []
        """Told of each change of an object that stays: the kind, what it was, what it is."""
        self._numbers = itertools.count(1)
        self.objects: defaultdict[str, dict[str, Plain]] = defaultdict(dict)
        self.news: dict[str, list[tuple[str, Plain]]] = {plural: [] for plural in _WATCHED}

    def create(self, plural: str, body: Mapping[str, Any]) -> Plain:
        metadata = dict(body["metadata"])
        name = metadata.get("name") or f"{metadata['generateName']}{next(self._numbers)}"
        if name in self.objects[plural]:
            raise ApiRefused(409, f"{plural} {name} exists")
        made = {
            "uid": f"uid-{next(self._numbers)}",
            "creationTimestamp": format_instant(self.now().replace(microsecond=0)),
        }
        content = {key: value for key, value in body.items() if key != "status" or plural not in _WATCHED}
        content["metadata"] = {"labels": {}, **metadata, **made, "name": name, "namespace": NAMESPACE, "generation": 1}
        return self._put("ADDED", plural, content)

    def merge(self, plural: str, name: str, patch: Mapping[str, Any], sub: str = "") -> Plain:
        before = self.existing(plural, name)
        wanted = dict(patch)
        metadata = dict(wanted.pop("metadata", {}))
        version = metadata.pop("resourceVersion", None)
        if version is not None and version != before["metadata"]["resourceVersion"]:
            raise ApiRefused(409, f"{plural} {name} has changed")
        if plural in _WATCHED:
            wanted = {key: value for key, value in wanted.items() if (key == "status") == (sub == "status")}
        after = merged(before, {**wanted, "metadata": metadata} if not sub else wanted)
        if after == before:
            return before
        if after.get("spec") != before.get("spec"):
            after["metadata"] = {**after["metadata"], "generation": before["metadata"]["generation"] + 1}
        for look in self.onlookers:
            look(plural, before, after)
        return self._put("MODIFIED", plural, after)

    def delete(self, plural: str, name: str, uid: str | None = None) -> Plain:
        before = self.existing(plural, name)
        if uid is not None and before["metadata"]["uid"] != uid:
            raise ApiRefused(409, f"{plural} {name} is another")
        del self.objects[plural][name]
        gone = {**before, "metadata": {**before["metadata"], "resourceVersion": str(next(self._numbers))}}
        if plural in _WATCHED:
            self.news[plural].append(("DELETED", gone))
        return gone

    def existing(self, plural: str, name: str) -> Plain:
        if name not in self.objects[plural]:
            raise NoSuchObject(f"there is no {plural} {name}")
        return self.objects[plural][name]

    def _put(self, change: str, plural: str, content: Plain) -> Plain:
        stored = {**content, "metadata": {**content["metadata"], "resourceVersion": str(next(self._numbers))}}
        if plural == "events":
            return stored  # nobody reads them
        self.objects[plural][stored["metadata"]["name"]] = stored
        if plural in _WATCHED:
            self.news[plural].append((change, stored))
        return stored


class FaultyApi(KubeApi):
    """One operator's way to the store. Between two requests, and within one, others get their turn."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.dead = False
        """As after the operator's death: nothing that it still wants is done."""
        self.away = False
        """No request gets there."""
        self.losing_answers = False
        """Requests get there, and their answers are lost."""

    async def request(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, content_type: str = "application/json"
    ) -> Plain:
        await asyncio.sleep(0)
        if self.dead or self.away:
            raise ApiUnreachable("the API is away")
        answer = await self._serve(method, path, body or {})
        if method != "GET" and not path.endswith("/events"):
            self._store.diary.append(f"{self._store.now():%H:%M:%S} {method} {path.removeprefix(CUSTOM)} {body}")
        await asyncio.sleep(0)
        if self.dead or self.losing_answers:
            raise ApiUnreachable("the answer is lost")
        return answer

    async def _serve(self, method: str, path: str, body: Mapping[str, Any]) -> Plain:
        plural, name, sub = parts_of(path)
        match method:
            case "GET" if name:
                return self._store.existing(plural, name)
            case "GET":
                return {"items": list(self._store.objects[plural].values())}
            case "POST":
                return self._store.create(plural, body)
            case "PATCH":
                return self._store.merge(plural, name, body, sub)
            case _:
                return self._store.delete(plural, name, (body.get("preconditions") or {}).get("uid"))


def parts_of(path: str) -> tuple[str, str, str]:
    """The plural, the name and the subresource that a path is of; what it doesn't name is empty."""
    group = CUSTOM if path.startswith(CUSTOM) else CORE
    parts = path.removeprefix(f"{group}/").split("/")
    plural, *rest = parts[2:] if parts[0] == "namespaces" else parts
    name, sub = (*rest, "", "")[:2]
    return plural, name, sub


def merged(target: Any, patch: Any) -> Any:
    """RFC 7386, into a new object."""
    if not isinstance(patch, Mapping):
        return patch
    result = dict(target) if isinstance(target, Mapping) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merged(result.get(key), value)
    return result
