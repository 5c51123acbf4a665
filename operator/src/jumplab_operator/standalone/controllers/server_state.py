"""The state behind the API: what is served, what is stored, and who waits for changes."""

from __future__ import annotations

import json
import random
import uuid
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from jumplab_operator.standalone.base.kinds import Object
from jumplab_operator.standalone.controllers import mutations
from jumplab_operator.standalone.controllers.housekeeping import Housekeeping
from jumplab_operator.standalone.controllers.mutations import World
from jumplab_operator.standalone.objects import crds
from jumplab_operator.standalone.objects.built_in import CRDS, NAMESPACES
from jumplab_operator.standalone.objects.object_meta import Newborn
from jumplab_operator.standalone.objects.registry import Registry
from jumplab_operator.standalone.objects.routes import Target
from jumplab_operator.standalone.storage.compaction import HistoryLimits
from jumplab_operator.standalone.storage.history import Changed, Steps
from jumplab_operator.standalone.storage.store import Key, Reader
from jumplab_operator.standalone.storage.writer import Transaction, Writer, Written

_SUFFIX_LETTERS = "bcdfghjklmnpqrstvwxz2456789"


class Cluster:
    """The kinds, the store and the watches of one data directory, from `start` to `close`."""

    def __init__(self, database: Path, limits: HistoryLimits, clock: Callable[[], datetime]) -> None:
        self.registry = Registry()
        self.reader = Reader(database)
        self.changed = Changed()
        self.steps = Steps(self.reader)
        self.closing = False
        self.now = clock
        self._writer = Writer(database, self._committed, limits, clock)
        self._housekeeping = Housekeeping(self._writer.post, self.world, self.newborn)
        self.write = self._writer.run

    async def start(self) -> None:
        """Serve the CRDs that are stored; make the default namespace in a new store."""
        for body in self.reader.objects(CRDS.resource, ""):
            kind = crds.kind_of(json.loads(body))
            self.registry.serve(kind)
        self._writer.start()
        await self.write(self._make_default_namespace)
        self._housekeeping.find_all(self.reader)
        await self.write(lambda _transaction: None)  # once this has had its turn, so have the chores

    async def close(self) -> None:
        await self._writer.close()
        self.reader.close()

    def end_watches(self) -> None:
        """Let every watch end its answer."""
        self.closing = True
        self.changed.notify_all()

    def find(self, key: Key) -> Object | None:
        """An object as it is stored now."""
        body = self.reader.get(key)
        return None if body is None else json.loads(body)

    def world(self) -> World:
        return World(self.registry, self.now())

    def newborn(self) -> Newborn:
        suffix = "".join(random.choices(_SUFFIX_LETTERS, k=5))
        return Newborn(str(uuid.uuid4()), self.now(), suffix)

    def _make_default_namespace(self, transaction: Transaction) -> None:
        if transaction.get(Key(NAMESPACES.resource, "", "default")) is None:
            target = Target(NAMESPACES, NAMESPACES.versions["v1"])
            sent = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "default"}}
            mutations.create(transaction, target, sent, self.newborn(), self.world())

    def _committed(self, written: Written) -> None:
        if written.key.resource == CRDS.resource:
            if written.obj is None:
                self.registry.withdraw(written.key.name)
            else:
                self.registry.serve(crds.kind_of(written.obj))
        self.steps.forget()
        self.changed.notify(written.key.resource)
        self._housekeeping.follow(written)
