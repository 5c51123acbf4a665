"""How objects go: at once, after their finalizers, or with all that a namespace or a CRD holds."""

from __future__ import annotations

from datetime import datetime

from jumplab_operator.standalone import lifecycle
from jumplab_operator.standalone.kinds import CRDS, NAMESPACES, Kind, Object
from jumplab_operator.standalone.registry import Registry
from jumplab_operator.standalone.store import Key
from jumplab_operator.standalone.writer import Transaction


def delete(transaction: Transaction, key: Key, obj: Object, registry: Registry, now: datetime) -> tuple[Object, bool]:
    """Delete an object and what it holds; returns its last state and whether it is gone."""
    kind = registry.named(key.resource)
    assert kind is not None, key.resource
    for held in _content(transaction, kind, key):
        inner = transaction.get(held)
        if inner is not None:
            delete(transaction, held, inner, registry, now)
    obj = transaction.get(key) or obj
    if not obj["metadata"].get("finalizers") and not holds_content(transaction, kind, key):
        return remove(transaction, key, obj), True
    if "deletionTimestamp" in obj["metadata"]:
        return obj, False
    return transaction.put(key, _terminating(kind, lifecycle.marked_for_deletion(kind, obj, now))), False


def remove(transaction: Transaction, key: Key, obj: Object) -> Object:
    """Remove an object, and with it the namespace or the CRD that was only waiting for it."""
    last = transaction.remove(key, obj)
    holders = [Key(CRDS.resource, "", key.resource)]
    if key.namespace:
        holders.append(Key(NAMESPACES.resource, "", key.namespace))
    for holder in holders:
        waiting = transaction.get(holder)
        kind = CRDS if holder.resource == CRDS.resource else NAMESPACES
        if waiting and lifecycle.is_finished(waiting) and not holds_content(transaction, kind, holder):
            transaction.remove(holder, waiting)
    return last


def holds_content(transaction: Transaction, kind: Kind, key: Key) -> bool:
    return bool(_content(transaction, kind, key))


def _content(transaction: Transaction, kind: Kind, key: Key) -> list[Key]:
    if kind is NAMESPACES:
        return transaction.keys(namespace=key.name)
    if kind is CRDS:
        return transaction.keys(resource=key.name)
    return []


def _terminating(kind: Kind, obj: Object) -> Object:
    return {**obj, "status": {**obj.get("status", {}), "phase": "Terminating"}} if kind is NAMESPACES else obj
