"""What follows from changes: dependents go after their owners, ending namespaces are emptied, each has its account.

The work of Kubernetes' controller manager, and level-based as there: each chore looks at what is stored now,
can run any number of times, and is found again at the next start where a kill came between.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from jumplab_operator.standalone.base.kinds import Object
from jumplab_operator.standalone.controllers import deletion, mutations, ownership
from jumplab_operator.standalone.controllers.mutations import World
from jumplab_operator.standalone.objects.built_in import NAMESPACES, SERVICE_ACCOUNTS
from jumplab_operator.standalone.objects.object_meta import Newborn
from jumplab_operator.standalone.objects.routes import Target
from jumplab_operator.standalone.storage.store import Key, Reader
from jumplab_operator.standalone.storage.writer import Transaction, Written

Chore = Callable[[Transaction], None]

_AT_ONCE = 200
_DEFAULT_ACCOUNT = "default"


@dataclass(frozen=True, slots=True)
class Housekeeping:
    """Says what there is to do. `post` runs a chore as a change of its own."""

    post: Callable[[Chore], None]
    world: Callable[[], World]
    newborn: Callable[[], Newborn]

    def find_all(self, reader: Reader) -> None:
        """Post what a start finds undone."""
        for body in reader.objects(NAMESPACES.resource, ""):
            self._see_to_namespace(json.loads(body))
        for key in reader.owned():
            self.post(partial(self._collect, key))

    def follow(self, written: Written) -> None:
        """Post what follows from a change."""
        for key in written.dependents:
            self.post(partial(self._collect, key))
        key, obj = written.key, written.obj
        if obj is None:
            if key.resource == SERVICE_ACCOUNTS.resource and key.name == _DEFAULT_ACCOUNT:
                self.post(partial(self._ensure_account, key.namespace))
            elif key.namespace:
                self.post(partial(self._end_if_ending, key.namespace))
            return
        if key.resource == NAMESPACES.resource:
            self._see_to_namespace(obj)
        if obj["metadata"].get("ownerReferences"):
            self.post(partial(self._collect, key))

    def _see_to_namespace(self, namespace: Object) -> None:
        name = namespace["metadata"]["name"]
        chore = self._end_if_ending if "deletionTimestamp" in namespace["metadata"] else self._ensure_account
        self.post(partial(chore, name))

    def _ensure_account(self, namespace: str, transaction: Transaction) -> None:
        stored = transaction.get(Key(NAMESPACES.resource, "", namespace))
        if stored is None or "deletionTimestamp" in stored["metadata"]:
            self._end_if_ending(namespace, transaction)
            return
        target = Target(SERVICE_ACCOUNTS, SERVICE_ACCOUNTS.versions["v1"], namespace, _DEFAULT_ACCOUNT)
        if transaction.get(target.key) is None:
            metadata = {"name": _DEFAULT_ACCOUNT, "namespace": namespace}
            sent = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata}
            mutations.create(transaction, target, sent, self.newborn(), self.world())

    def _end_if_ending(self, name: str, transaction: Transaction) -> None:
        namespace = transaction.get(Key(NAMESPACES.resource, "", name))
        if namespace is None or "deletionTimestamp" not in namespace["metadata"]:
            return
        for key, obj in _unmarked(transaction, name):
            deletion.delete(transaction, key, obj, self.world().registry, self.world().now)
        deletion.finish_namespace(transaction, namespace, self.world().now)

    def _collect(self, key: Key, transaction: Transaction) -> None:
        world = self.world()
        obj = transaction.get(key)
        if obj is None or not obj["metadata"].get("ownerReferences"):
            return
        left = ownership.remaining_owners(obj, world.registry, transaction.get)
        if not left and not deletion.is_protected(key):
            deletion.delete(transaction, key, obj, world.registry, world.now)
        elif left != obj["metadata"]["ownerReferences"]:
            transaction.put(key, {**obj, "metadata": {**obj["metadata"], "ownerReferences": left}})


def _unmarked(transaction: Transaction, namespace: str) -> Iterator[tuple[Key, Object]]:
    """Some of what a namespace holds and is not being deleted yet; each that goes brings the chore back for more."""
    found = 0
    for key in transaction.keys(namespace=namespace):
        obj = transaction.get(key)
        if obj is not None and "deletionTimestamp" not in obj["metadata"]:
            yield key, obj
            found += 1
        if found == _AT_ONCE:
            return
