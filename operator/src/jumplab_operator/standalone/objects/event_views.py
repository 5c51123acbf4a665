"""Events in the words of events.k8s.io: the same objects as the core group's, with other names for their fields."""

from __future__ import annotations

from datetime import datetime

from jumplab_operator.standalone.base.errors import Cause
from jumplab_operator.standalone.base.kinds import Object

_NAMES = {
    "involvedObject": "regarding",
    "message": "note",
    "reportingComponent": "reportingController",
    "source": "deprecatedSource",
    "firstTimestamp": "deprecatedFirstTimestamp",
    "lastTimestamp": "deprecatedLastTimestamp",
    "count": "deprecatedCount",
}
_CORE_NAMES = {new: old for old, new in _NAMES.items()}
_ALWAYS_SHOWN: Object = {
    "eventTime": None,
    "firstTimestamp": None,
    "involvedObject": {},
    "lastTimestamp": None,
    "reportingComponent": "",
    "reportingInstance": "",
    "source": {},
}
_LONGEST_NOTE = 1024
_LONGEST_WORD = 128


def shown(event: Object) -> Object:
    """A stored Event as events.k8s.io shows it."""
    renamed = {_NAMES.get(field, field): value for field, value in event.items() if value != "" or field == "message"}
    return {**renamed, "apiVersion": "events.k8s.io/v1"}


def stored(event: Object) -> Object:
    """An Event of events.k8s.io as the core group has it."""
    renamed = {_CORE_NAMES.get(field, field): value for field, value in event.items()}
    return settled({**renamed, "apiVersion": "v1"})


def settled(event: Object) -> Object:
    """A core Event with the fields that Kubernetes always shows, be they empty."""
    return {**_ALWAYS_SHOWN, **event}


def new_causes(event: Object) -> list[Cause]:
    """What is wrong with an Event (as stored) that was sent to events.k8s.io, which is stricter than the core group."""
    found = []
    if not _is_instant(event.get("eventTime")):
        found.append(_required("eventTime"))
    for field, name in (("reportingComponent", "reportingController"), ("reportingInstance", "reportingInstance"),
                        ("action", "action"), ("reason", "reason")):  # fmt: skip
        if not event.get(field):
            found.append(_required(name))
        elif len(event[field]) > _LONGEST_WORD:
            found.append(Cause(name, "FieldValueInvalid", _longer(_LONGEST_WORD)))
    if event.get("type") not in ("Normal", "Warning"):
        found.append(Cause("type", "FieldValueInvalid", 'Invalid value: "": has invalid value: Normal or Warning'))
    if len(event.get("message") or "") > _LONGEST_NOTE:
        found.append(Cause("message", "FieldValueInvalid", _longer(_LONGEST_NOTE)))  # kube-apiserver's name, too
    return found


def _longer(characters: int) -> str:
    return f'Invalid value: "": can have at most {characters} characters'


def _required(field: str) -> Cause:
    return Cause(field, "FieldValueRequired", "Required value")


def _is_instant(text: object) -> bool:
    try:
        return isinstance(text, str) and datetime.fromisoformat(text) is not None
    except ValueError:
        return False
