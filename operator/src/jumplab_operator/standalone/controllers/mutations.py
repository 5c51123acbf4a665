"""What requests do to the store, each as one transaction: create, update, delete."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from jumplab_operator.standalone.base import errors
from jumplab_operator.standalone.base.errors import Cause
from jumplab_operator.standalone.base.kinds import Kind, Object
from jumplab_operator.standalone.controllers import deletion, event_ttl
from jumplab_operator.standalone.objects import builtin_rules, crds, metadata_rules, object_meta, validation
from jumplab_operator.standalone.objects.built_in import CRDS, EVENTS, NAMESPACES
from jumplab_operator.standalone.objects.object_meta import Newborn
from jumplab_operator.standalone.objects.registry import Registry
from jumplab_operator.standalone.objects.routes import Target
from jumplab_operator.standalone.storage.store import Key
from jumplab_operator.standalone.storage.writer import Transaction

Refusal = Callable[[Key, Object | None, Object | None], str | None]


def _admitted(_key: Key, _old: Object | None, _new: Object | None) -> str | None:
    return None


@dataclass(frozen=True, slots=True)
class World:
    """What a change knows besides the store. `refusal` says why a write isn't admitted (None: it is)."""

    registry: Registry
    now: datetime
    refusal: Refusal = _admitted


def create(transaction: Transaction, target: Target, sent: Object, newborn: Newborn, world: World) -> Object:
    """Store a new object; raises a 404 or 403 for its namespace, a 422 for its content, a 409 if it exists."""
    kind = target.kind
    obj = _settled(kind, object_meta.created(kind, target.version, sent, newborn), world)
    name = obj["metadata"].get("name") or ""
    _check_namespace(transaction, target, name)
    _refuse(kind, name, _causes(target, None, obj))
    key = target.key._replace(name=name)
    if transaction.get(key) is not None:
        raise errors.already_exists(kind, name)
    made = target.stored(obj)
    _check_admission(kind, key, None, made, world)
    if key.resource == EVENTS.resource:
        event_ttl.forget_old(transaction, world.now)
    return transaction.put(key, made, bounded=True)


def update(transaction: Transaction, target: Target, propose: Callable[[Object], Object], world: World) -> Object:
    """Store what `propose` makes of the object as the target's version shows it; an object that waited for its last
    finalizer goes. Raises a 403, 404, 409 or 422; what changes nothing writes nothing."""
    kind, name = target.kind, target.name
    stored = transaction.get(target.key)
    if stored is None:
        raise errors.not_found(kind, name)
    old = target.shown(stored)
    new = propose(old)
    object_meta.check_identity(kind, name, old, new["metadata"])
    shown = object_meta.changed(kind, target.version, old, new, subresource=target.subresource)
    shown = _settled(kind, shown, world)
    _refuse(kind, name, [*metadata_rules.finalizer_causes(old, shown), *_causes(target, old, shown)])
    made = target.stored(shown)
    if made == stored:
        return stored
    _check_admission(kind, target.key, stored, made, world)
    if deletion.is_finished(transaction, kind, target.key, made):
        return deletion.remove(transaction, target.key, made)
    return transaction.put(target.key, made, bounded=True)


def delete(transaction: Transaction, target: Target, preconditions: Object, world: World) -> tuple[Object, bool]:
    """Delete an object, or mark it where finalizers hold it; returns its last state and whether it is gone."""
    old = transaction.get(target.key)
    if old is None:
        raise errors.not_found(target.kind, target.name)
    object_meta.check_preconditions(target.kind, target.name, old, preconditions)
    if deletion.is_protected(target.key):
        raise errors.forbidden(target.kind, target.name, "this namespace may not be deleted")
    _check_admission(target.kind, target.key, old, None, world)
    return deletion.delete(transaction, target.key, old, world.registry, world.now)


def _settled(kind: Kind, obj: Object, world: World) -> Object:
    """The object with what the server fills in for a built-in kind."""
    if kind is CRDS:
        filled = crds.with_defaults(obj)
        return filled if crds.causes(filled) else crds.established(filled, world.registry, world.now)
    return builtin_rules.settled(kind, obj)


def _causes(target: Target, old: Object | None, obj: Object) -> list[Cause]:
    found = metadata_rules.causes(obj)
    if target.kind is CRDS:
        found += crds.causes(obj)
    elif target.kind.custom:
        found += validation.causes(obj, target.version.schema or {})
    return [*found, *builtin_rules.causes(target.kind, old, obj)]


def _refuse(kind: Kind, name: str, causes: list[Cause]) -> None:
    if causes:
        raise errors.invalid(kind, errors.brief(name), causes[: errors.MOST_CAUSES])


def _check_admission(kind: Kind, key: Key, old: Object | None, new: Object | None, world: World) -> None:
    why = world.refusal(key, old, new)
    if why:
        raise errors.forbidden(kind, key.name, why)


def _check_namespace(transaction: Transaction, target: Target, name: str) -> None:
    if not target.kind.namespaced:
        return
    namespace = transaction.get(Key(NAMESPACES.resource, "", target.namespace))
    if namespace is None:
        raise errors.not_found(NAMESPACES, target.namespace)
    if "deletionTimestamp" in namespace["metadata"]:
        why = f"unable to create new content in namespace {target.namespace} because it is being terminated"
        raise errors.forbidden(target.kind, name, why)
