"""What requests do to the store, each as one transaction: create, update, and the rules of the built-in kinds."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from jumplab_operator.standalone import crds, deletion, errors, events, lifecycle, validation
from jumplab_operator.standalone.errors import Cause
from jumplab_operator.standalone.kinds import CRDS, EVENTS, NAMESPACES, Kind, Object
from jumplab_operator.standalone.lifecycle import Newborn
from jumplab_operator.standalone.registry import Registry
from jumplab_operator.standalone.routes import Target
from jumplab_operator.standalone.store import Key
from jumplab_operator.standalone.writer import Transaction


@dataclass(frozen=True, slots=True)
class World:
    """What a change knows besides the store."""

    registry: Registry
    now: datetime


def create(transaction: Transaction, target: Target, sent: Object, newborn: Newborn, world: World) -> Object:
    """Store a new object; raises a 404 or 403 for its namespace, a 422 for its content, a 409 if it exists."""
    kind = target.kind
    obj = _settled(kind, lifecycle.created(kind, target.version, sent, newborn), world)
    name = obj["metadata"].get("name") or ""
    _check_namespace(transaction, target, name)
    _refuse(kind, name, _causes(target, obj))
    key = target.key._replace(name=name)
    if transaction.get(key) is not None:
        raise errors.already_exists(kind, name)
    if kind is EVENTS:
        events.forget_old(transaction, world.now)
    return transaction.put(key, _stored(kind, obj))


def update(transaction: Transaction, target: Target, propose: Callable[[Object], Object], world: World) -> Object:
    """Store what `propose` makes of the object as the target's version shows it; an object that waited for its last
    finalizer goes. Raises a 404, 409 or 422; what changes nothing writes nothing."""
    kind, name = target.kind, target.name
    old = transaction.get(target.key)
    if old is None:
        raise errors.not_found(kind, name)
    new = propose({**old, "apiVersion": target.api_version})
    lifecycle.check_identity(kind, name, old, new["metadata"])
    made = lifecycle.changed(kind, target.version, old, new, status=target.subresource == "status")
    made = _settled(kind, made, world)
    _refuse(kind, name, [*lifecycle.finalizer_causes(old, made), *_causes(target, made)])
    made = _stored(kind, made)
    if made == old:
        return old
    if lifecycle.is_finished(made) and not deletion.holds_content(transaction, kind, target.key):
        return deletion.remove(transaction, target.key, made)
    return transaction.put(target.key, made)


def delete(transaction: Transaction, target: Target, preconditions: Object, world: World) -> tuple[Object, bool]:
    """Delete an object, or mark it where finalizers hold it; returns its last state and whether it is gone."""
    old = transaction.get(target.key)
    if old is None:
        raise errors.not_found(target.kind, target.name)
    lifecycle.check_preconditions(target.kind, target.name, old, preconditions)
    return deletion.delete(transaction, target.key, old, world.registry, world.now)


def _settled(kind: Kind, obj: Object, world: World) -> Object:
    """The object with what the server fills in for a built-in kind."""
    if kind is CRDS:
        filled = crds.with_defaults(obj)
        return filled if crds.causes(filled) else crds.established(filled, world.registry, world.now)
    if kind is NAMESPACES:
        return {"spec": {"finalizers": ["kubernetes"]}, "status": {"phase": "Active"}, **obj}
    if kind.resource == "secrets":
        return _with_encoded_data(obj)
    return obj


def _with_encoded_data(secret: Object) -> Object:
    """A Secret's `stringData` moves into its `data`."""
    plain = secret.get("stringData") or {}
    settled = {key: value for key, value in secret.items() if key != "stringData"}
    if plain:
        encoded = {key: base64.b64encode(text.encode()).decode() for key, text in plain.items()}
        settled["data"] = {**(secret.get("data") or {}), **encoded}
    return {"type": "Opaque", **settled}


def _causes(target: Target, obj: Object) -> list[Cause]:
    found = lifecycle.metadata_causes(obj)
    if target.kind is CRDS:
        found += crds.causes(obj)
    if target.version.schema is not None:
        found += validation.causes(obj, target.version.schema)
    return found


def _refuse(kind: Kind, name: str, causes: list[Cause]) -> None:
    if causes:
        raise errors.invalid(kind, name, causes)


def _check_namespace(transaction: Transaction, target: Target, name: str) -> None:
    if not target.kind.namespaced:
        return
    namespace = transaction.get(Key(NAMESPACES.resource, "", target.namespace))
    if namespace is None:
        raise errors.not_found(NAMESPACES, target.namespace)
    if "deletionTimestamp" in namespace["metadata"]:
        why = f"unable to create new content in namespace {target.namespace} because it is being terminated"
        raise errors.forbidden(target.kind, name, why)


def _stored(kind: Kind, obj: Object) -> Object:
    return {**obj, "apiVersion": kind.api_version(kind.storage_version)}
