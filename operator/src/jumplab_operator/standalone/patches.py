"""Patches: JSON merge patch (RFC 7396), JSON patch (RFC 6902), and for built-in kinds strategic merge patch."""

from __future__ import annotations

import copy
from typing import Any

import jsonpatch
import jsonpointer

from jumplab_operator.standalone import errors, strategic, strict_json
from jumplab_operator.standalone.bodies import LIMIT_BYTES
from jumplab_operator.standalone.kinds import Kind, Object
from jumplab_operator.standalone.writer import encode

MERGE = "application/merge-patch+json"
JSON = "application/json-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
APPLY = "application/apply-patch+yaml"
_MOST_OPERATIONS = 10_000


def apply_patch(media_type: str, current: Object, patch: Any) -> Object:
    """The patched object, by a kind of patch that is offered.

    Raises a 400 for a malformed patch, a 413 for one of too many operations, a 422 for one that doesn't apply.
    """
    if media_type in (MERGE, STRATEGIC):
        if not isinstance(patch, dict):
            raise errors.bad_request("a merge patch must be a JSON object")
        merged: Object = merge(current, patch) if media_type == MERGE else strategic.merge(current, patch)
        return merged
    return _json_patch(current, patch)


def check_offered(media_type: str, kind: Kind) -> None:
    """Raises a 415 for a kind of patch that isn't offered."""
    if media_type not in (MERGE, JSON) and (kind.custom or media_type != STRATEGIC):
        raise errors.unsupported_media_type(_refusal(media_type, kind))


def merge(current: Any, patch: Any) -> Any:
    """RFC 7396: null removes, an object merges, anything else replaces."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(current) if isinstance(current, dict) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = merge(merged.get(key), value)
    return merged


def _json_patch(current: Object, patch: Any) -> Object:
    try:
        jsonpatch.JsonPatch(patch)  # a malformed one is refused before any of it is done
    except (jsonpatch.InvalidJsonPatch, jsonpointer.JsonPointerException, TypeError) as error:
        raise errors.bad_request(f"the JSON patch is malformed: {error}") from error
    if len(patch) > _MOST_OPERATIONS:
        raise errors.too_many_operations(_MOST_OPERATIONS, len(patch))
    patched, copied = copy.deepcopy(current), 0
    for number, operation in enumerate(patch, 1):
        try:
            copied += _copied_bytes(patched, operation)
            if copied > LIMIT_BYTES:
                raise ValueError(f"what is copied has more than {LIMIT_BYTES} bytes")
            patched = jsonpatch.JsonPatch([operation]).apply(patched, in_place=True)
        except ValueError as error:
            raise errors.patch_rejected(number, operation, str(error)) from error
        except (jsonpatch.JsonPatchException, jsonpointer.JsonPointerException, TypeError) as error:
            raise errors.patch_rejected(number, operation, "it does not apply to the object") from error
    return _object(patched)


def _copied_bytes(document: Any, operation: Object) -> int:
    """How much an operation copies. As nothing nested too deeply is copied, copies of copies end in time."""
    if operation["op"] != "copy":
        return 0
    value = jsonpointer.resolve_pointer(document, operation.get("from", ""))
    strict_json.check_depth(value)
    return len(encode(value))


def _object(patched: Any) -> Object:
    if not isinstance(patched, dict):
        raise errors.bad_request("the JSON patch must leave an object")
    try:
        strict_json.check_depth(patched)
    except ValueError as error:
        raise errors.bad_request(f"the JSON patch must leave an object that can be stored: {error}") from error
    return patched


def _refusal(media_type: str, kind: Kind) -> str:
    accepted = f"{JSON}, {MERGE}" + ("" if kind.custom else f", {STRATEGIC}")
    if media_type == APPLY:
        return f"server-side apply is not offered by the standalone API; use client-side apply, or one of: {accepted}"
    return f"the body of the request was in an unknown format - accepted media types include: {accepted}"
