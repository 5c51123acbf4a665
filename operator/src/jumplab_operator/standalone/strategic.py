"""Strategic merge patch for the built-in kinds: as a merge patch, but some lists merge too, and `$` keys direct it."""

from __future__ import annotations

import json
from typing import Any

from jumplab_operator.standalone import errors

_MERGE_KEYS = {"ownerReferences": "uid", "conditions": "type"}
_SETS = ("finalizers",)
_DELETE_FROM_SET = "$deleteFromPrimitiveList/"


def merge(current: Any, patch: Any) -> Any:
    """The current object with the patch applied; null removes, a map merges, a list merges by its key or replaces."""
    if not isinstance(patch, dict):
        return patch
    merged = {} if patch.get("$patch") == "replace" or not isinstance(current, dict) else dict(current)
    for field, value in patch.items():
        if field.startswith(_DELETE_FROM_SET):
            name = field.removeprefix(_DELETE_FROM_SET)
            merged[name] = _without(merged.get(name) or [], value, field)
        elif field.startswith("$"):
            continue
        elif value is None or (isinstance(value, dict) and value.get("$patch") == "delete"):
            merged.pop(field, None)
        elif isinstance(value, list):
            merged[field] = _merged_list(field, merged.get(field) or [], value)
        else:
            merged[field] = merge(merged.get(field), value)
    return merged


def _merged_list(field: str, current: list[Any], patch: list[Any]) -> list[Any]:
    if field in _SETS:
        return [*current, *{_identity(item): item for item in _without(patch, current, field)}.values()]
    key = _MERGE_KEYS.get(field)
    if key is None or not all(isinstance(item, dict) for item in patch):
        return patch
    replaces = any(item.get("$patch") == "replace" for item in patch)
    # By identity: each item is found at once, and the order is that of the last change.
    merged = {} if replaces else {_identity(item.get(key)): item for item in current}
    for item in patch:
        if item.get("$patch") == "replace":
            continue
        identity = _identity(item.get(key))
        known = merged.pop(identity, None)
        if item.get("$patch") != "delete":
            merged[identity] = merge(known, item)
    return list(merged.values())


def _without(items: list[Any], others: Any, field: str) -> list[Any]:
    """The items that are not among the others. Raises a 400 where these are no list."""
    if not isinstance(others, list):
        raise errors.bad_request(f"{field} of the patch must be a list")
    unwanted = {_identity(item) for item in others}
    return [item for item in items if _identity(item) not in unwanted]


def _identity(value: Any) -> str:
    """What equal values have in common, and others don't."""
    return json.dumps(value, sort_keys=True)
