"""Strategic merge patch for the built-in kinds: as a merge patch, but some lists merge too, and `$` keys direct it."""

from __future__ import annotations

import json
from typing import Any

from jumplab_operator.standalone.base import errors

_MERGE_KEYS = {"ownerReferences": "uid", "conditions": "type"}
_SETS = ("finalizers",)
_DELETE_FROM_SET = "$deleteFromPrimitiveList/"


def merge(current: Any, patch: Any) -> Any:
    """The current object with the patch applied; null removes, a map merges, a list merges by its key or replaces.

    Raises a 400 for a list of what is none.
    """
    if not isinstance(patch, dict):
        return patch
    merged = {} if patch.get("$patch") == "replace" or not isinstance(current, dict) else dict(current)
    for field, value in patch.items():
        if field.startswith(_DELETE_FROM_SET):
            name = field.removeprefix(_DELETE_FROM_SET)
            merged[name] = _without(_items(field, merged.get(name)), _items(field, value))
        elif field.startswith("$"):
            continue
        elif value is None or (isinstance(value, dict) and value.get("$patch") == "delete"):
            merged.pop(field, None)
        elif isinstance(value, list):
            merged[field] = _merged_list(field, merged.get(field), value)
        else:
            merged[field] = merge(merged.get(field), value)
    return merged


def _merged_list(field: str, current: Any, patch: list[Any]) -> list[Any]:
    if field in _SETS:
        known = _items(field, current)
        return [*known, *{_identity(item): item for item in _without(patch, known)}.values()]
    key = _MERGE_KEYS.get(field)
    if key is None or not all(isinstance(item, dict) for item in patch):
        return patch
    return _merged_by(key, _items(field, current), patch)


def _merged_by(key: str, current: list[Any], patch: list[Any]) -> list[Any]:
    """The items by the identity of their key, so that each is found at once; the order is that of the last change."""
    replaces = any(item.get("$patch") == "replace" for item in patch)
    merged = {} if replaces else {_identity(_key_of(item, key)): item for item in current}
    for item in patch:
        if item.get("$patch") == "replace":
            continue
        identity = _identity(item.get(key))
        known = merged.pop(identity, None)
        if item.get("$patch") != "delete":
            merged[identity] = merge(known, item)
    return list(merged.values())


def _key_of(item: Any, key: str) -> Any:
    return item.get(key) if isinstance(item, dict) else None


def _items(field: str, value: Any) -> list[Any]:
    if not isinstance(value or [], list):
        raise errors.bad_request(f"the strategic merge patch is malformed: {field} is about a list, and there is none")
    return value or []


def _without(items: list[Any], others: list[Any]) -> list[Any]:
    """The items that are not among the others."""
    unwanted = {_identity(item) for item in others}
    return [item for item in items if _identity(item) not in unwanted]


def _identity(value: Any) -> str:
    """What equal values have in common, and others don't."""
    return json.dumps(value, sort_keys=True)
