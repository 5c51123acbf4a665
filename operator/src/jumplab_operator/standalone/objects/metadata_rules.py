"""What an object's metadata may hold, in the words of kube-apiserver. Its fields have their types already. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import chain, islice
from typing import Any

from jumplab_operator.standalone.base import errors
from jumplab_operator.standalone.base.errors import Cause
from jumplab_operator.standalone.base.kinds import Object

LONGEST_NAME = 253
_LONGEST_LABEL = 63
_MOST_ANNOTATION_BYTES = 256 * 1024
_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_LABEL_PART = re.compile(r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]")
_EVENT = ("v1", "Event")
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
_QUALIFIED_RULE = (
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric "
    "character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is "
    "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
)


def causes(obj: Object) -> list[Cause]:
    """What is wrong with an object's metadata; the first of it, where it is a lot."""
    metadata = obj["metadata"]
    found = chain(
        _name_causes(metadata, is_event=obj.get("kind") == "Event"),
        _label_causes(metadata.get("labels", {})),
        _annotation_causes(metadata.get("annotations", {})),
        _owner_causes(metadata.get("ownerReferences", [])),
        _finalizer_causes(metadata.get("finalizers", [])),
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


def _name_causes(metadata: Object, *, is_event: bool) -> Iterator[Cause]:
    name, begin = metadata.get("name", ""), metadata.get("generateName", "")
    # Event recorders generate `OBJECT.`, which kube-apiserver takes for Events alone.
    if begin and not is_event and not _SUBDOMAIN.fullmatch(f"{begin}a" if begin.endswith("-") else begin):
        yield _invalid("metadata.generateName", begin, _NAME_RULE)
    if not name:
        yield Cause("metadata.name", "FieldValueRequired", "Required value: name or generateName is required")
    elif not _SUBDOMAIN.fullmatch(name):
        yield _invalid("metadata.name", name, _NAME_RULE)
    elif len(name) > LONGEST_NAME:
        yield _invalid("metadata.name", name, f"must be no more than {LONGEST_NAME} characters")


def _label_causes(labels: dict[str, str]) -> Iterator[Cause]:
    for key, value in labels.items():
        yield from _qualified_causes("metadata.labels", key, key)
        if value and not _LABEL_PART.fullmatch(value):
            yield _invalid("metadata.labels", value, _LABEL_RULE)
        elif len(value) > _LONGEST_LABEL:
            yield _invalid("metadata.labels", value, f"must be no more than {_LONGEST_LABEL} characters")


def _annotation_causes(annotations: dict[str, str]) -> Iterator[Cause]:
    for key in annotations:
        yield from _qualified_causes("metadata.annotations", key, key.lower())
    if sum(len(key.encode()) + len(value.encode()) for key, value in annotations.items()) > _MOST_ANNOTATION_BYTES:
        rule = f"Too long: must have at most {_MOST_ANNOTATION_BYTES} bytes"
        yield Cause("metadata.annotations", "FieldValueTooLong", rule)


def _owner_causes(owners: list[Object]) -> Iterator[Cause]:
    field, controller = "metadata.ownerReferences", ""
    for owner in owners:
        api_version, kind, name = (owner.get(each, "") for each in ("apiVersion", "kind", "name"))
        if api_version.count("/") > 1 or not api_version.rpartition("/")[2]:
            yield _invalid(f"{field}.apiVersion", api_version, "version must not be empty")
        for part in ("kind", "name", "uid"):
            if not owner.get(part):
                yield _invalid(f"{field}.{part}", "", f"{part} must not be empty")
        if (api_version, kind) == _EVENT:
            rule = "/v1, Kind=Event is disallowed from being an owner"
            yield Cause(field, "FieldValueInvalid", f"Invalid value: {_quoted(owner)}: {rule}")
        if owner.get("controller") and controller:
            rule = 'Only one reference can have Controller set to true. Found "true" in references for'
            yield Cause(field, "FieldValueInvalid", f"Invalid value: {_quoted(owners)}: {rule} {controller} and {name}")
        elif owner.get("controller"):
            controller = name


def _finalizer_causes(finalizers: list[str]) -> Iterator[Cause]:
    field = "metadata.finalizers"
    for finalizer in finalizers:
        yield from _qualified_causes(field, finalizer, finalizer)
    if "orphan" in finalizers and "foregroundDeletion" in finalizers:
        listed = errors.brief(", ".join(f'"{finalizer}"' for finalizer in finalizers))
        rule = "finalizer orphan and foregroundDeletion cannot be both set"
        yield Cause(field, "FieldValueInvalid", f"Invalid value: []string{{{listed}}}: {rule}")


def _qualified_causes(field: str, value_text: str, name: str) -> Iterator[Cause]:
    """A name with or without a DNS subdomain before it, as keys and finalizers are."""
    *before, part = name.split("/")
    if len(before) > 1:
        example = "with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"
        yield _invalid(field, value_text, f"a qualified name {_QUALIFIED_RULE} {example}")
        return
    if before and not before[0]:
        yield _invalid(field, value_text, "prefix part must be non-empty")
    elif before and not _SUBDOMAIN.fullmatch(before[0]):
        yield _invalid(field, value_text, f"prefix part {_NAME_RULE}")
    if not part:
        yield _invalid(field, value_text, "name part must be non-empty")
    elif len(part) > _LONGEST_LABEL:
        yield _invalid(field, value_text, f"name part must be no more than {_LONGEST_LABEL} characters")
    if not _LABEL_PART.fullmatch(part):
        yield _invalid(field, value_text, f"name part {_QUALIFIED_RULE}")


def _invalid(field: str, value: str, rule: str) -> Cause:
    return Cause(field, "FieldValueInvalid", f'Invalid value: "{errors.brief(value)}": {rule}')


def _quoted(value: Any) -> str:
    return errors.brief(json.dumps(value, ensure_ascii=False))
