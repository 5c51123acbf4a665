"""How objects go: at once, after their finalizers, or with all that a namespace or a CRD holds."""

from __future__ import annotations

from collections import Counter
from datetime import datetime

from jumplab_operator.standalone.base.kinds import Kind, Object
from jumplab_operator.standalone.objects import object_meta
from jumplab_operator.standalone.objects.built_in import CRDS, NAMESPACES
from jumplab_operator.standalone.objects.registry import Registry
from jumplab_operator.standalone.storage.store import Key
from jumplab_operator.standalone.storage.writer import Transaction

_PROTECTED_NAMESPACES = ("default", "kube-public", "kube-system")


def is_protected(key: Key) -> bool:
    """Whether it is a namespace that stays, whoever wants it gone."""
    return key.resource == NAMESPACES.resource and key.name in _PROTECTED_NAMESPACES


def delete(transaction: Transaction, key: Key, obj: Object, registry: Registry, now: datetime) -> tuple[Object, bool]:
    """Delete an object, and what a CRD defines; returns its last state and whether it is gone.

    A namespace is marked: `housekeeping` empties it.
    """
    kind = registry.named(key.resource)
    assert kind is not None, key.resource
    if kind is CRDS:
        _delete_defined(transaction, key.name, registry, now)
        obj = transaction.get(key) or obj
    if not _has_finalizers(transaction, kind, key, obj):
        return remove(transaction, key, obj), True
    if "deletionTimestamp" in obj["metadata"]:
        return obj, False
    return transaction.put(key, _terminating(kind, object_meta.marked_for_deletion(kind, obj, now))), False


def remove(transaction: Transaction, key: Key, obj: Object) -> Object:
    """Remove an object, and with it the CRD that was only waiting for it."""
    last = transaction.remove(key, obj)
    definition = Key(CRDS.resource, "", key.resource)
    waiting = transaction.get(definition)
    if waiting and is_finished(transaction, CRDS, definition, waiting):
        transaction.remove(definition, waiting)
    return last


def is_finished(transaction: Transaction, kind: Kind, key: Key, obj: Object) -> bool:
    """Whether the object is being deleted and nothing holds it any more."""
    return "deletionTimestamp" in obj["metadata"] and not _has_finalizers(transaction, kind, key, obj)


def finish_namespace(transaction: Transaction, namespace: Object, now: datetime) -> None:
    """Remove an ending namespace that holds nothing any more; else say in its status what it waits for."""
    name = namespace["metadata"]["name"]
    key = Key(NAMESPACES.resource, "", name)
    left = [obj for member_key in transaction.keys(namespace=name) if (obj := transaction.get(member_key)) is not None]
    if left:
        conditions = _remaining(left, now, namespace["status"].get("conditions") or [])
        if conditions != namespace["status"].get("conditions"):
            transaction.put(key, {**namespace, "status": {**namespace["status"], "conditions": conditions}})
        return
    finalizers = [each for each in namespace["spec"].get("finalizers") or [] if each != "kubernetes"]
    emptied = {**namespace, "spec": {**namespace["spec"], "finalizers": finalizers}}
    if _has_finalizers(transaction, NAMESPACES, key, emptied):
        if emptied != namespace:
            transaction.put(key, emptied)
        return
    transaction.remove(key, namespace)


def _delete_defined(transaction: Transaction, resource: str, registry: Registry, now: datetime) -> None:
    for key in transaction.keys(resource=resource):
        obj = transaction.get(key)
        if obj is not None:
            delete(transaction, key, obj, registry, now)


def _has_finalizers(transaction: Transaction, kind: Kind, key: Key, obj: Object) -> bool:
    if obj["metadata"].get("finalizers"):
        return True
    if kind is NAMESPACES:
        return bool((obj.get("spec") or {}).get("finalizers"))
    return kind is CRDS and bool(transaction.keys(resource=key.name))


def _terminating(kind: Kind, obj: Object) -> Object:
    return {**obj, "status": {**obj.get("status", {}), "phase": "Terminating"}} if kind is NAMESPACES else obj


def _remaining(left: list[Object], now: datetime, before: list[Object]) -> list[Object]:
    """The conditions that say what a namespace still holds, in the words of the namespace controller."""
    kinds = Counter(obj["kind"] for obj in left)
    finalizers = Counter(finalizer for obj in left for finalizer in obj["metadata"].get("finalizers") or ())
    content = ", ".join(f"{kind} has {count} resource instances" for kind, count in sorted(kinds.items()))
    waits = ", ".join(f"{finalizer} in {count} resource instances" for finalizer, count in sorted(finalizers.items()))
    conditions = [
        ("NamespaceContentRemaining", "SomeResourcesRemain", f"Some resources are remaining: {content}"),
        (
            "NamespaceFinalizersRemaining",
            "SomeFinalizersRemain",
            f"Some content in the namespace has finalizers remaining: {waits}",
        ),
    ]
    since = {each["type"]: each["lastTransitionTime"] for each in before}
    moment = object_meta.timestamp(now)
    return [
        {"type": kind, "status": "True", "reason": reason, "message": message,
         "lastTransitionTime": since.get(kind, moment)}
        for kind, reason, message in conditions
    ]  # fmt: skip
