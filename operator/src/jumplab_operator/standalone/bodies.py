"""What a client sends: read from JSON, checked against the URL, pruned and defaulted. And what it asks to get."""

from __future__ import annotations

import json
from typing import Any

from jumplab_operator.standalone import errors, schema, validation
from jumplab_operator.standalone.built_in import CRDS
from jumplab_operator.standalone.errors import Cause
from jumplab_operator.standalone.kinds import Object
from jumplab_operator.standalone.routes import Target
from jumplab_operator.standalone.writer import encode

_FIELDS = (
    "name", "generateName", "namespace", "uid", "resourceVersion", "generation", "creationTimestamp", "selfLink",
    "deletionTimestamp", "deletionGracePeriodSeconds", "labels", "annotations", "ownerReferences", "finalizers",
    "managedFields",
)  # fmt: skip
LIMIT_DEPTH = 128
"""The deepest schemas have some 60 levels; each takes several frames of the interpreter's stack."""


def decoded(body: bytes) -> Any:
    """The JSON of a request's body; raises a 400 for anything else, and for what is nested too deeply."""
    try:
        value = json.loads(body)
    except ValueError as error:
        message = f"the object provided is unrecognized (must be of type JSON): {error}"
        raise errors.bad_request(message) from error
    except RecursionError as error:
        raise errors.too_deep(LIMIT_DEPTH) from error
    if rb"\ud" in body.lower():
        _check_text(value)
    if body.count(b"{") + body.count(b"[") > LIMIT_DEPTH:
        check_depth(value)
    return value


def _check_text(value: Any) -> None:
    """Raises a 400 for half a surrogate pair: JSON's escapes can write it, and no text can hold it."""
    try:
        encode(value)
    except UnicodeEncodeError as error:
        raise errors.bad_request(
            "the request's body has half a surrogate pair in a text; write the whole of it"
        ) from error


def check_depth(value: Any) -> None:
    """Raises a 400 for a value that is nested too deeply. It takes no recursion to find out."""
    containers = [value]
    for _ in range(LIMIT_DEPTH):
        inner = (
            each.values() if isinstance(each, dict) else each for each in containers if isinstance(each, dict | list)
        )
        containers = [child for children in inner for child in children if isinstance(child, dict | list)]
        if not containers:
            return
    raise errors.too_deep(LIMIT_DEPTH)


def admitted(target: Target, sent: Any) -> Object:
    """An object as the target's version knows it; raises a 400 or 422 for one that belongs elsewhere."""
    if not isinstance(sent, dict) or not isinstance(sent.get("metadata", {}) or {}, dict):
        raise errors.bad_request("the request's body must be a Kubernetes object")
    metadata = _typed_metadata(sent.get("metadata") or {})
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
    known = schema.defaulted(schema.pruned(obj, target.version.schema), target.version.schema)
    if not target.kind.custom and target.kind is not CRDS:
        _check_fields(target, known)
    return known


def _check_fields(target: Target, obj: Object) -> None:
    """A field of a built-in kind that holds something else than it can is no object of that kind at all."""
    wrong = [
        cause for cause in validation.causes(obj, target.version.schema or {}) if cause.reason == "FieldValueInvalid"
    ]
    if wrong:
        kind = target.kind.kind
        raise errors.bad_request(f'{kind} in version "{target.version.name}" cannot be handled as a {kind}: {wrong[0]}')


def check_version_named(target: Target, sent: Object) -> None:
    """An update must say which version of the object it is based on, but for the kinds that Kubernetes lets off."""
    if target.kind.updates_blindly or sent["metadata"].get("resourceVersion"):
        return
    cause = Cause(
        "metadata.resourceVersion", "FieldValueInvalid", "Invalid value: 0x0: must be specified for an update"
    )
    raise errors.invalid(target.kind, target.name, [cause], called=target.kind.plural)


def _typed_metadata(metadata: Object) -> Object:
    """The metadata without its empty fields; raises a 400 for one of the wrong type."""
    for field in ("labels", "annotations"):
        values = metadata.get(field) or {}
        if not isinstance(values, dict) or not all(isinstance(value, str) for value in values.values()):
            raise errors.bad_request(f"metadata.{field} must be a map of strings to strings")
    for field, wanted, called in (("finalizers", str, "strings"), ("ownerReferences", dict, "objects")):
        items = metadata.get(field) or []
        if not isinstance(items, list) or not all(isinstance(item, wanted) for item in items):
            raise errors.bad_request(f"metadata.{field} must be a list of {called}")
    for field in ("name", "namespace", "generateName", "uid", "resourceVersion"):
        if not isinstance(metadata.get(field) or "", str):
            raise errors.bad_request(f"metadata.{field} must be a string")
    return {field: value for field, value in metadata.items() if field in _FIELDS and value not in (None, "", [], {})}


def _check_type(target: Target, sent: Object) -> None:
    api_version, kind = sent.get("apiVersion"), sent.get("kind")
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
