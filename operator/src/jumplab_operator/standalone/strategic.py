"""Strategic merge patch for the built-in kinds: as a merge patch, but some lists merge too, and `$` keys direct it."""

from __future__ import annotations

from typing import Any

from jumplab_operator.standalone import errors

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
            name, removed = field.removeprefix(_DELETE_FROM_SET), _items(field, value)
            merged[name] = [item for item in _items(field, merged.get(name)) if item not in removed]
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
        return [*known, *(item for item in patch if item not in known)]
    key = _MERGE_KEYS.get(field)
    if key is None or not all(isinstance(item, dict) for item in patch):
        return patch
    return _merged_by(key, _items(field, current), patch)


def _merged_by(key: str, current: list[Any], patch: list[Any]) -> list[Any]:
    merged = [] if any(item.get("$patch") == "replace" for item in patch) else list(current)
    for item in patch:
        if item.get("$patch") == "replace":
            continue
        known = next((each for each in merged if isinstance(each, dict) and each.get(key) == item.get(key)), None)
        if known is not None:
            merged.remove(known)
        if item.get("$patch") != "delete":
            merged.append(merge(known, item))
    return merged


def _items(field: str, value: Any) -> list[Any]:
    if not isinstance(value or [], list):
        raise errors.bad_request(f"the strategic merge patch is malformed: {field} is about a list, and there is none")
    return value or []
