"""What happens to an object's metadata when it is made, changed and deleted. Pure: no store, no clock of its own."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from jumplab_operator.standalone.base import errors
from jumplab_operator.standalone.base.kinds import Kind, Object, Version
from jumplab_operator.standalone.objects.metadata_rules import LONGEST_NAME

_IMMUTABLE_FIELDS = (
    "uid", "resourceVersion", "creationTimestamp", "generation", "deletionTimestamp", "deletionGracePeriodSeconds",
)  # fmt: skip
_SYSTEM_FIELDS = ("selfLink", "deletionTimestamp", "deletionGracePeriodSeconds", "managedFields")


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
        raise errors.RequestRefused(500, "InternalError", "resourceVersion should not be set on objects to be created")
    if not metadata.get("name") and metadata.get("generateName"):
        metadata["name"] = f"{metadata['generateName'][: LONGEST_NAME - 5]}{newborn.suffix}"
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
    for field in _IMMUTABLE_FIELDS:
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
        if wanted is not None and wanted != found:
            why = f"the {called} in the precondition ({wanted}) does not match the {called} in record ({found})"
            raise errors.precondition_failed(kind, name, f"{why}. The object might have been {happened}")


def _content(obj: Object, version: Version) -> Object:
    left_out = {"metadata", "status"} if version.has_status else {"metadata"}
    return {key: value for key, value in obj.items() if key not in left_out}
