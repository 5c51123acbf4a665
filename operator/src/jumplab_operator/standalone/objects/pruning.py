"""Structural schemas: pruning of what they don't know and filling in of defaults. `validation` says what is wrong."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any

from jumplab_operator.standalone.base.kinds import Object

_OBJECT_KEYS = ("apiVersion", "kind", "metadata")
_EMPTY: Mapping[str, Callable[[], Any]] = {"array": list, "object": dict, "string": str}


def pruned(obj: Object, schema: Object) -> Object:
    """The object without the fields that the schema doesn't know; type and metadata of the object itself stay."""
    object_keys = {key: obj[key] for key in _OBJECT_KEYS if key in obj}
    rest = {key: value for key, value in obj.items() if key not in _OBJECT_KEYS}
    result = _prune(rest, {**schema, "properties": schema.get("properties", {})})
    return {**result, **object_keys}


def defaulted(obj: Object, schema: Object) -> Object:
    """The object with the schema's defaults; a null that isn't allowed counts as absent."""
    properties = {k: v for k, v in schema.get("properties", {}).items() if k not in _OBJECT_KEYS}
    result: Object = _default(obj, {**schema, "properties": properties})
    return result


def without_null_items(value: Any, schema: Object) -> Any:
    """The value of a built-in kind: a null in a list or a map counts as the empty value of what the others are."""
    if isinstance(value, list) and isinstance(items := schema.get("items"), dict):
        return [_item(item, items) for item in value]
    if not isinstance(value, dict):
        return value
    properties, extra = schema.get("properties", {}), schema.get("additionalProperties")
    result = {}
    for key, child in value.items():
        if key in properties:
            result[key] = without_null_items(child, properties[key])
        else:
            result[key] = _item(child, extra) if isinstance(extra, dict) else child
    return result


def _item(value: Any, schema: Object) -> Any:
    empty = _EMPTY.get(schema.get("type", ""))
    return empty() if value is None and empty else without_null_items(value, schema)


def _prune(value: Any, schema: Object) -> Any:
    if isinstance(value, list):
        items = schema.get("items")
        return [_prune(item, items) for item in value] if isinstance(items, dict) else value
    if not isinstance(value, dict):
        return value
    properties, extra = schema.get("properties", {}), schema.get("additionalProperties")
    embedded = _OBJECT_KEYS if schema.get("x-kubernetes-embedded-resource") else ()
    result = {}
    for key, child in value.items():
        if key in properties and key not in embedded:
            result[key] = _prune(child, properties[key])
        elif isinstance(extra, dict):
            result[key] = _prune(child, extra)
        elif extra or key in embedded or schema.get("x-kubernetes-preserve-unknown-fields"):
            result[key] = child
    return result


def _default(value: Any, schema: Object) -> Any:
    if isinstance(value, list):
        items = schema.get("items")
        return [_default(item, items) for item in value] if isinstance(items, dict) else value
    if not isinstance(value, dict):
        return value
    properties, extra = schema.get("properties", {}), schema.get("additionalProperties")
    result = {}
    for key, child in value.items():
        rule = properties.get(key, extra if isinstance(extra, dict) else None)
        if rule is None:
            result[key] = child
        elif child is not None or rule.get("nullable"):
            result[key] = _default(child, rule)
    for key, rule in properties.items():
        if key not in result and "default" in rule:
            result[key] = _default(copy.deepcopy(rule["default"]), rule)
    return result
