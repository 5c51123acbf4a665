"""What a client sends: read from JSON, checked against the URL, pruned and defaulted. And what it asks to get."""

from __future__ import annotations

from typing import Any

from jumplab_operator.standalone.base import errors, strict_json
from jumplab_operator.standalone.base.errors import Cause
from jumplab_operator.standalone.base.kinds import Object
from jumplab_operator.standalone.objects import builtin_schemas, pruning, validation
from jumplab_operator.standalone.objects.routes import Target

_EMPTY: tuple[Any, ...] = ("", [], {})


def decoded(body: bytes) -> Any:
    """The JSON of a request's body; raises a 400 for anything else."""
    try:
        return strict_json.read(body)
    except ValueError as error:
        message = f"the object provided is unrecognized (must be of type JSON): {error}"
        raise errors.bad_request(message) from error


def admitted(target: Target, sent: Any) -> Object:
    """An object as the target's version knows it; raises a 400 or 422 for one that belongs elsewhere."""
    if not isinstance(sent, dict):
        raise errors.bad_request("the request's body must be a Kubernetes object")
    metadata = _metadata(target, sent.get("metadata"))
    _check_type(target, sent)
    if target.kind.namespaced:
        if metadata.setdefault("namespace", target.namespace) != target.namespace:
            raise errors.bad_request(
                "the namespace of the provided object does not match the namespace sent on the request"
            )
    else:
        metadata.pop("namespace", None)
    if target.name and metadata.setdefault("name", target.name) != target.name:
        raise errors.bad_request(
            f"the name of the object ({metadata['name']}) does not match the name on the URL ({target.name})"
        )
    obj = {**sent, "metadata": metadata}
    if target.version.schema is None:
        return obj
    if not target.kind.custom:
        return typed(target.kind.kind, target.version.name, obj, target.version.schema)
    return pruning.defaulted(pruning.pruned(obj, target.version.schema), target.version.schema)


def typed(kind: str, version: str, sent: Object, rules: Object, path: str = "") -> Object:
    """What is sent of a kind (or of what a kind has at a path) without unknown fields and nulls.

    Raises a 400 for a field that holds something else than it can: then it is no object of that kind at all.
    """
    known = pruning.defaulted(pruning.pruned(pruning.without_null_items(sent, rules), rules), rules)
    wrong = [cause for cause in validation.causes(known, rules, path) if cause.reason == "FieldValueInvalid"]
    if wrong:
        raise errors.bad_request(f'{kind} in version "{version}" cannot be handled as a {kind}: {wrong[0]}')
    return known


def check_version_named(target: Target, sent: Object) -> None:
    """An update must say which version of the object it is based on, but for the kinds that Kubernetes lets off."""
    if target.kind.updates_blindly or sent["metadata"].get("resourceVersion"):
        return
    cause = Cause(
        "metadata.resourceVersion", "FieldValueInvalid", "Invalid value: 0x0: must be specified for an update"
    )
    raise errors.invalid(target.kind, target.name, [cause], called=target.kind.plural)


def _metadata(target: Target, sent: Any) -> Object:
    """The metadata without the fields that are unknown or empty; raises a 400 for one of the wrong type."""
    if sent is None:
        return {}
    if not isinstance(sent, dict):
        raise errors.bad_request("metadata must be an object")
    rules = builtin_schemas.OBJECT_META
    known = typed(target.kind.kind, target.version.name, sent, rules, "metadata")
    return {field: value for field, value in known.items() if field in rules["properties"] and value not in _EMPTY}


def _check_type(target: Target, sent: Object) -> None:
    api_version, kind = sent.get("apiVersion"), sent.get("kind")
    for field, value in (("apiVersion", api_version), ("kind", kind)):
        if not isinstance(value, str | None):
            raise errors.bad_request(f"{field} must be a string")
    if not target.kind.custom:
        api_version, kind = api_version or target.api_version, kind or target.kind.kind
        sent.update(apiVersion=api_version, kind=kind)
    if api_version != target.api_version:
        raise errors.bad_request(
            f"the API version in the data ({api_version or ''}) does not match the expected API version "
            f"({target.api_version})"
        )
    if kind != target.kind.kind:
        name = (sent.get("metadata") or {}).get("name", "")
        cause = Cause("kind", "FieldValueInvalid", f'Invalid value: "{kind or ""}": must be {target.kind.kind}')
        raise errors.invalid(target.kind, name, [cause], called=str(kind))
