"""What happens to an object's metadata when it is made, changed and deleted. Pure: no store, no clock of its own."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain, islice
from typing import Any

from jumplab_operator.standalone import errors
from jumplab_operator.standalone.errors import Cause
from jumplab_operator.standalone.kinds import Kind, Object, Version

_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_LABEL_PART = re.compile(r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]")
_LONGEST_NAME = 253
_LONGEST_LABEL_PART = 63
_MOST_ANNOTATION_BYTES = 256 * 1024
_SYSTEM_FIELDS = ("selfLink", "deletionTimestamp", "deletionGracePeriodSeconds", "managedFields")
_NAME_RULE = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and "
    "end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
    r"'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
_LABEL_RULE = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and "
    "end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is "
    "'(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
)
_KEY_RULE = (
    "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric "
    "character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is "
    "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
)


@dataclass(frozen=True, slots=True)
class Newborn:
    """What a new object gets from outside: its identity, its moment, and the end of a generated name."""

    uid: str
    now: datetime
    suffix: str


def timestamp(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def created(kind: Kind, version: Version, obj: Object, newborn: Newborn) -> Object:
    """A new object as it is stored, from what the client sent (its namespace already settled)."""
    metadata = {key: value for key, value in obj["metadata"].items() if key not in _SYSTEM_FIELDS}
    if metadata.pop("resourceVersion", ""):
        raise errors.ApiError(500, "InternalError", "resourceVersion should not be set on objects to be created")
    if not metadata.get("name") and metadata.get("generateName"):
        metadata["name"] = f"{metadata['generateName'][: _LONGEST_NAME - 5]}{newborn.suffix}"
    metadata.update(uid=newborn.uid, creationTimestamp=timestamp(newborn.now))
    metadata.pop("generation", None)
    if kind.counts_generations:
        metadata["generation"] = 1
    made = {**obj, "metadata": metadata}
    if version.has_status and kind.custom:
        made.pop("status", None)
    return made


def changed(kind: Kind, version: Version, old: Object, new: Object, *, subresource: str = "") -> Object:
    """An object as it is stored after an update: of all but its status, or of what the subresource is a door to."""
    if subresource == "status":
        return {
            **{k: v for k, v in old.items() if k != "status"},
            **({"status": new["status"]} if "status" in new else {}),
        }
    before = old["metadata"]
    metadata = {key: value for key, value in new["metadata"].items() if key not in _SYSTEM_FIELDS}
    for field in ("uid", "creationTimestamp", "generation", "deletionTimestamp", "deletionGracePeriodSeconds"):
        metadata.pop(field, None)
        if field in before:
            metadata[field] = before[field]
    made = {**new, "metadata": metadata}
    if version.has_status:
        made.pop("status", None)
        if "status" in old:
            made["status"] = old["status"]
    if "finalize" in (each.name for each in kind.subresources) and subresource != "finalize":
        made["spec"] = old["spec"]
    if kind.counts_generations and _content(made, version) != _content(old, version):
        metadata["generation"] = before.get("generation", 0) + 1
    return made


def marked_for_deletion(kind: Kind, obj: Object, now: datetime) -> Object:
    """An object that waits for its finalizers."""
    metadata = {**obj["metadata"], "deletionTimestamp": timestamp(now), "deletionGracePeriodSeconds": 0}
    if kind.counts_generations:
        metadata["generation"] = metadata.get("generation", 0) + 1
    return {**obj, "metadata": metadata}


def check_identity(kind: Kind, name: str, old: Object, sent: Object) -> None:
    """Refuse an update meant for another object, or based on another state of this one."""
    uid, version = sent.get("uid"), sent.get("resourceVersion")
    if uid and uid != old["metadata"]["uid"]:
        why = f"Precondition failed: UID in precondition: {uid}, UID in object meta: {old['metadata']['uid']}"
        raise errors.conflict(kind, name, why)
    if version and version != old["metadata"]["resourceVersion"]:
        raise errors.conflict(
            kind, name, "the object has been modified; please apply your changes to the latest version and try again"
        )


def check_preconditions(kind: Kind, name: str, old: Object, preconditions: Object) -> None:
    """Refuse a deletion meant for another object, or for another state of this one."""
    for field, called, happened in (
        ("uid", "UID", "deleted and then recreated"),
        ("resourceVersion", "ResourceVersion", "modified"),
    ):
        wanted, found = preconditions.get(field), old["metadata"][field]
        if wanted and wanted != found:
            why = f"the {called} in the precondition ({wanted}) does not match the {called} in record ({found})"
            raise errors.precondition_failed(kind, name, f"{why}. The object might have been {happened}")


def metadata_causes(obj: Object) -> list[Cause]:
    """What is wrong with the name, labels and annotations; the first of it, where it is a lot."""
    metadata = obj["metadata"]
    annotations = metadata.get("annotations") or {}
    found = chain(
        _name_causes(metadata.get("name") or ""),
        _label_causes(metadata.get("labels") or {}),
        (cause for key in annotations for cause in _key_causes("metadata.annotations", key)),
        _annotation_size_causes(annotations),
    )
    return list(islice(found, errors.MOST_CAUSES))


def finalizer_causes(old: Object, new: Object) -> list[Cause]:
    """An object that is being deleted takes no new finalizers."""
    if "deletionTimestamp" not in old["metadata"]:
        return []
    before = set(old["metadata"].get("finalizers") or [])
    added = [finalizer for finalizer in new["metadata"].get("finalizers") or [] if finalizer not in before]
    if not added:
        return []
    listed = ", ".join(f'"{finalizer}"' for finalizer in added[: errors.MOST_CAUSES])
    rule = "Forbidden: no new finalizers can be added if the object is being deleted"
    found = f"{rule}, found new finalizers []string{{{listed}}}"
    return [Cause("metadata.finalizers", "FieldValueForbidden", found)]


def _name_causes(name: str) -> Iterator[Cause]:
    if not name:
        yield Cause("metadata.name", "FieldValueRequired", "Required value: name or generateName is required")
    elif len(name) > _LONGEST_NAME:
        yield _invalid("metadata.name", name, f"must be no more than {_LONGEST_NAME} characters")
    elif not _SUBDOMAIN.fullmatch(name):
        yield _invalid("metadata.name", name, _NAME_RULE)


def _label_causes(labels: dict[str, Any]) -> Iterator[Cause]:
    for key, value in labels.items():
        yield from _key_causes("metadata.labels", key)
        if len(value) > _LONGEST_LABEL_PART:
            yield _invalid("metadata.labels", value, f"must be no more than {_LONGEST_LABEL_PART} characters")
        elif value and not _LABEL_PART.fullmatch(value):
            yield _invalid("metadata.labels", value, _LABEL_RULE)


def _annotation_size_causes(annotations: dict[str, Any]) -> Iterator[Cause]:
    size = sum(len(key.encode()) + len(value.encode()) for key, value in annotations.items())
    if size > _MOST_ANNOTATION_BYTES:
        rule = f"Too long: must have at most {_MOST_ANNOTATION_BYTES} bytes"
        yield Cause("metadata.annotations", "FieldValueTooLong", rule)


def _key_causes(field: str, key: str) -> list[Cause]:
    prefix, slash, name = key.rpartition("/")
    if len(prefix) > _LONGEST_NAME:
        return [_invalid(field, key, f"prefix part must be no more than {_LONGEST_NAME} characters")]
    if slash and not _SUBDOMAIN.fullmatch(prefix):
        return [_invalid(field, key, f"prefix part {_NAME_RULE}")]
    if len(name) > _LONGEST_LABEL_PART:
        return [_invalid(field, key, f"name part must be no more than {_LONGEST_LABEL_PART} characters")]
    return [] if _LABEL_PART.fullmatch(name) else [_invalid(field, key, _KEY_RULE)]


def _invalid(field: str, value: str, rule: str) -> Cause:
    return Cause(field, "FieldValueInvalid", f'Invalid value: "{errors.brief(value)}": {rule}')


def _content(obj: Object, version: Version) -> Object:
    left_out = {"metadata", "status"} if version.has_status else {"metadata"}
    return {key: value for key, value in obj.items() if key not in left_out}
