"""The same lab on an API server that is real, watched by kopf. Time is still the test's, which stands while it acts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from selectors import DefaultSelector, SelectorKey
from typing import Any

from jumplab_operator.errors import ApiRefused
from jumplab_operator.kube.client import KubeApi, connected
from jumplab_operator.kube.kopf_watch import OnEvent, of_cluster
from jumplab_operator.kube.object_store import KINDS
from jumplab_operator.resources import Resource
from tests.kube import servers
from tests.kube.client import Answer
from tests.reconcile.faults.api import FaultyApi, Plain, Store, parts_of
from tests.reconcile.faults.virtual_time import VirtualLoop
from tests.reconcile.faults.world import SETTINGS, FaultyWorld, secret_of
from tests.reconcile.world import World, make_world

_AHEAD = timedelta(minutes=30)
"""The server tells when objects were made, by its own clock: by the test's that was long ago, however slow it is."""
_HANGS_AFTER = 40
_LONGEST_SECONDS = 1.0
_JSON, _MERGE = "application/json", "application/merge-patch+json"


class _Selector(DefaultSelector):
    """Waits for what is real, not for the loop's timers; calls `looked` after each look."""

    def __init__(self) -> None:
        super().__init__()
        self.looked: Callable[[], None] = lambda: None

    def select(self, timeout: float | None = None) -> list[tuple[SelectorKey, int]]:
        found = super().select(_LONGEST_SECONDS if timeout is None else min(timeout, _LONGEST_SECONDS))
        self.looked()
        return found


class RealLoop(VirtualLoop):
    """Waits for answers and watches too, and leaves no request half-way: between two steps the server is at rest."""

    def __init__(self) -> None:
        self._sockets = _Selector()
        super().__init__(self._sockets)
        self.start = datetime.now(UTC).replace(microsecond=0) + _AHEAD
        self.gate = asyncio.Event()
        """Requests pass it while it is set."""
        self.at_gate = self.asking = 0
        self.awaits: Callable[[], object] = lambda: False
        """Whether something else is to come from outside."""

    def step(self, rounds: int) -> bool:
        self.gate.set()
        super().step(rounds)
        self.gate.clear()
        while self.asking:
            self._turn()
        return self._has_work()

    def _has_work(self) -> bool:
        return bool(self._is_busy() or self.at_gate or self.asking or self.awaits())

    def _is_busy(self) -> bool:
        return super()._has_work()

    def _turn(self) -> None:
        if self._is_busy():
            super()._turn()
            return
        for _ in range(_HANGS_AFTER):
            self._sockets.looked = self.stop
            self.run_forever()
            self._sockets.looked = lambda: None
            if self._is_busy() or not self._has_work():
                return
        raise AssertionError(f"nothing comes: {self.asking} requests are not answered, {self.awaits()} is awaited")


class RealStore(Store):
    """What the server has, by its answers to everyone who writes."""

    def __init__(self, now: Callable[[], datetime], world: World) -> None:
        super().__init__(now)
        self._world = world

    def create(self, plural: str, body: Mapping[str, Any]) -> Plain:
        kind = next(kind for kind in KINDS if plural == kind.PLURAL)
        whole = {"apiVersion": "jumpstarter.dev/v1alpha1", "kind": kind.KIND, **body}
        made = _accepted(self._world.client.create(self._world.path(plural), whole))
        self.objects[plural][made["metadata"]["name"]] = made
        return made

    def merge(self, plural: str, name: str, patch: Mapping[str, Any], sub: str = "") -> Plain:
        after = _accepted(self._world.patch(plural, name, dict(patch)))
        self.take(plural, after)
        return after

    def delete(self, plural: str, name: str, uid: str | None = None) -> Plain:
        _accepted(self._world.client.delete(self._world.path(plural, name)))
        return self.objects[plural].pop(name, {})

    def take(self, plural: str, after: Plain) -> None:
        """An object as a write has left it; nothing where that is known, or where it is gone by now."""
        name = after["metadata"]["name"]
        before = self.objects[plural].get(name)
        if before is None or before["metadata"]["uid"] != after["metadata"]["uid"] or version(before) >= version(after):
            return
        for look in self.onlookers:
            look(plural, before, after)
        self.objects[plural][name] = after

    def asked_again(self, plural: str) -> dict[str, Plain]:
        """The objects by the server's own list."""
        listed = _accepted(self._world.client.get(self._world.path(plural)))["items"]
        return {each["metadata"]["name"]: each for each in listed}


class RealApi(FaultyApi):
    """One operator's way to the server. What was asked is done, whoever has ceased to wait for it."""

    def __init__(self, store: RealStore, server: KubeApi, loop: RealLoop) -> None:
        super().__init__(store)
        self._objects, self._server, self._loop = store, server, loop

    async def _serve(self, method: str, path: str, body: Mapping[str, Any]) -> Plain:
        self._loop.at_gate += 1
        try:
            await self._loop.gate.wait()
        finally:
            self._loop.at_gate -= 1
        self._loop.asking += 1
        return await asyncio.shield(self._loop.create_task(self._ask(method, path, body), name=f"{method} {path}"))

    async def _ask(self, method: str, path: str, body: Mapping[str, Any]) -> Plain:
        try:
            answer = await self._server.request(method, path, body or None, _MERGE if method == "PATCH" else _JSON)
            if method == "PATCH":
                self._objects.take(parts_of(path)[0], answer)
            return answer
        finally:
            self._loop.asking -= 1


class RealWorld(FaultyWorld):
    """A namespace of its own on a server."""

    loop: RealLoop
    store: RealStore

    def __init__(self, server: servers.KubeApi) -> None:
        self._made = make_world(server)
        self.namespace = self._made.namespace
        self.settings = replace(SETTINGS, namespaces=(self.namespace,))
        loop = RealLoop()
        self._stack = AsyncExitStack()
        self._kube = loop.run_until_complete(self._stack.enter_async_context(connected(self._made.access)))
        self._told: dict[str, int] = {}
        """The versions of objects that kopf has told of, by uid."""
        self._untold: dict[str, str] = {}
        """The uids of what is deleted that kopf is still to tell of, with their kinds."""
        super().__init__(loop)
        loop.awaits = self._awaited

    def new_store(self) -> RealStore:
        return RealStore(self.clock.now, self._made)

    def new_api(self) -> RealApi:
        return RealApi(self.store, self._kube, self.loop)

    def start_operator(self) -> None:
        self._told.clear()
        self._untold.clear()
        super().start_operator()

    async def _watch(self, on_event: OnEvent) -> None:
        self._on_event = on_event
        await of_cluster(self._made.access, (self.namespace,), self.clock)(self._hear)

    def _hear(self, kind: type[Resource], change: str | None, plain: Mapping[str, Any]) -> None:
        if self._on_event is None or kind.PLURAL in self._blind:
            return
        self._told[plain["metadata"]["uid"]] = version(plain)
        if change != "DELETED":  # a watch may be quicker than the answer to the write: nobody knows more than the store
            self.store.take(kind.PLURAL, plain)
        if change == "DELETED":
            self._untold.pop(plain["metadata"]["uid"], None)
        self._on_event(kind, change, plain)

    def _awaited(self) -> list[str]:
        """What is to come from the watches, or their end."""
        if self._operator is not None and self._operator.cancelling() and not self._operator.done():
            return ["the end of the watches"]
        if self._on_event is None:
            return []
        seen = [plural for plural in self._names_of_kinds() if plural not in self._blind]
        uids = {each["metadata"]["uid"]: version(each) for plural in seen for each in self.all(plural)}
        return [*(uid for uid in uids if self._told.get(uid, 0) < uids[uid]), *self._untold]

    def delete(self, plural: str, name: str) -> None:
        gone = self.store.objects[plural].get(name)
        super().delete(plural, name)
        if gone is not None and self.operating and plural not in self._blind and gone["metadata"]["uid"] in self._told:
            self._untold[gone["metadata"]["uid"]] = plural

    def deliver(self, plural: str, most: int) -> None:
        """The watches tell by themselves."""

    def secret_uid(self, client: str) -> str:
        answer = self._made.client.get(self._made.path("secrets", secret_of(client)))
        return str(answer.body["metadata"]["uid"]) if answer.code == 200 else ""

    def is_told(self) -> bool:
        return not self._awaited()

    def cut_watch(self, plural: str) -> None:
        super().cut_watch(plural)
        self._untold = {uid: kind for uid, kind in self._untold.items() if kind != plural}

    def _list(self, plural: str) -> None:
        super()._list(plural)
        if self._on_event is not None:
            self._told |= {each["metadata"]["uid"]: version(each) for each in self.all(plural)}

    def calm(self) -> None:
        super().calm()
        for plural in ("exporters", "leases"):
            assert self.store.asked_again(plural) == self.store.objects[plural], "somebody else has written"

    def close(self) -> None:
        self._made.client.delete(f"/api/v1/namespaces/{self.namespace}")
        self._made.client.close()
        if self._operator is not None:
            self.kill_operator()
        self.loop.run_until_complete(self._stack.aclose())
        super().close()


def version(plain: Mapping[str, Any]) -> int:
    return int(plain["metadata"]["resourceVersion"])


def _accepted(answer: Answer) -> Plain:
    if answer.code >= 300:
        raise ApiRefused(answer.code, answer.message)
    body: Plain = answer.body
    return body
