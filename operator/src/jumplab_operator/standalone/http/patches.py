"""Patches: JSON merge patch (RFC 7396), JSON patch (RFC 6902), and for built-in kinds strategic merge patch."""

from __future__ import annotations

from typing import Any

from jumplab_operator.standalone.base import errors
from jumplab_operator.standalone.base.kinds import Kind, Object
from jumplab_operator.standalone.http import json_patches, strategic

MERGE = "application/merge-patch+json"
JSON = "application/json-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
APPLY = "application/apply-patch+yaml"


def apply_patch(media_type: str, current: Object, patch: Any, kind: Kind, name: str) -> Object:
    """The patched object, by a kind of patch that is offered.

    Raises a 400 for a malformed patch, a 413 or 422 for one that asks for too much, a 422 for one that doesn't apply.
    """
    if media_type in (MERGE, STRATEGIC):
        if not isinstance(patch, dict):
            raise errors.bad_request("a merge patch must be a JSON object")
        merged: Object = merge(current, patch) if media_type == MERGE else strategic.merge(current, patch)
        return merged
    return json_patches.apply(current, patch, kind, name)


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


def _refusal(media_type: str, kind: Kind) -> str:
    accepted = f"{JSON}, {MERGE}" + ("" if kind.custom else f", {STRATEGIC}")
    if media_type == APPLY:
        return f"server-side apply is not offered by the standalone API; use client-side apply, or one of: {accepted}"
    return f"the body of the request was in an unknown format - accepted media types include: {accepted}"
