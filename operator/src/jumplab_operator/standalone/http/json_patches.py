"""JSON patches (RFC 6902), within kube-apiserver's limits: the operations of one, and the bytes that they copy.

Each copy can double the object, so that a short patch could make any amount of it.
"""

from __future__ import annotations

import copy
from typing import Any

import jsonpatch
import jsonpointer

from jumplab_operator.standalone.base import errors, strict_json
from jumplab_operator.standalone.base.kinds import Kind, Object
from jumplab_operator.standalone.storage.writer import encode

LIMIT_OPERATIONS = 10_000
LIMIT_COPIED_BYTES = 3 * 1024 * 1024
LIMIT_SHIFTED_ITEMS = 10_000_000
"""Items of lists that move aside where one is inserted or removed before them."""

_CHANGE_LISTS = ("add", "copy", "move", "remove")


def apply(current: Object, patch: Any, kind: Kind, name: str) -> Object:
    """The patched object. Raises a 400 for a malformed patch, a 413 for too many operations, a 422 for one that doesn't
    apply or exceeds the other limits."""
    if isinstance(patch, list) and len(patch) > LIMIT_OPERATIONS:
        raise errors.too_many_operations(LIMIT_OPERATIONS, len(patch))
    try:
        patched = _applied(current, patch)
    except (jsonpatch.InvalidJsonPatch, jsonpointer.JsonPointerException, TypeError) as error:
        raise errors.bad_request(f"the JSON patch is malformed: {errors.brief(str(error))}") from error
    except _Rejected as error:
        message = f"the server rejected our request due to an error in our request: {errors.brief(str(error))}"
        raise errors.RequestRefused(422, "Invalid", message, {"name": name, "kind": kind.plural}) from error
    if not isinstance(patched, dict):
        raise errors.bad_request("the JSON patch must leave an object")
    try:
        strict_json.check_depth(patched)
    except ValueError as error:
        raise errors.bad_request(f"the JSON patch must leave an object that can be stored: {error}") from error
    return patched


def _applied(current: Object, patch: Any) -> Any:
    patched, work = copy.deepcopy(current), _Work()
    steps = jsonpatch.JsonPatch(patch)
    for number, operation in enumerate(steps, 1):
        try:
            parsed = _with_pointers(operation)
            work.count(parsed, patched)
            patched = steps.operations[operation["op"]](parsed).apply(patched)
        except (jsonpatch.JsonPatchConflict, jsonpatch.JsonPatchTestFailed, jsonpointer.JsonPointerException) as error:
            # What the object holds isn't told: it may be a Secret.
            where = f'operation {number}, {operation["op"]} "{errors.brief(str(operation["path"]))}"'
            raise _Rejected(f"{where}: it does not apply to the object") from error
    return patched


def _with_pointers(operation: Object) -> Object:
    """The operation with its pointers parsed, once; one that is no string stays, for the operation to refuse."""
    return operation | {
        field: jsonpointer.JsonPointer(operation[field])
        for field in ("from", "path")
        if isinstance(operation.get(field), str)
    }


class _Rejected(Exception):
    """The patch doesn't apply, or asks for more work than one may."""


class _Work:
    """What a patch has cost so far."""

    def __init__(self) -> None:
        self._copied_bytes = 0
        self._shifted_items = 0

    def count(self, operation: Object, document: Any) -> None:
        """Counts an operation that is about to be applied, its pointers parsed.

        Raises _Rejected, and JsonPointerException as the operation would.
        """
        if operation["op"] not in _CHANGE_LISTS:
            return
        for field in ("from", "path"):
            pointer = operation.get(field)
            if isinstance(pointer, jsonpointer.JsonPointer):  # else the operation itself says what is wrong
                parent, _ = pointer.to_last(document)
                self._shifted_items += len(parent) if isinstance(parent, list) else 0
        if self._shifted_items > LIMIT_SHIFTED_ITEMS:
            raise _Rejected(
                f"its changes move more than {LIMIT_SHIFTED_ITEMS} items of lists aside; send several patches"
            )
        source = operation.get("from")
        if operation["op"] == "copy" and isinstance(source, jsonpointer.JsonPointer):
            self._copied_bytes += len(encode(source.resolve(document)))
            if self._copied_bytes > LIMIT_COPIED_BYTES:
                raise _Rejected(
                    f"Unable to complete the copy, the accumulated size increase of copy is {self._copied_bytes}, "
                    f"exceeding the limit {LIMIT_COPIED_BYTES}"
                )
