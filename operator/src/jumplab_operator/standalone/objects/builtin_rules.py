"""What the server fills in and refuses in objects of the built-in kinds. Pure."""

from __future__ import annotations

import base64
import re

from jumplab_operator.standalone.base.errors import Cause
from jumplab_operator.standalone.base.kinds import Kind, Object
from jumplab_operator.standalone.objects import event_views
from jumplab_operator.standalone.objects.built_in import CONFIG_MAPS, EVENTS, EVENTS_K8S_IO, NAMESPACES, SECRETS

_DATA_KEY = re.compile(r"[-._a-zA-Z0-9]+")
_DATA_RULE = (
    "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or "
    "'key-name', regex used for validation is '[-._a-zA-Z0-9]+')"
)
_MOST_DATA_BYTES = 1024 * 1024
_UNCHANGEABLE = "Forbidden: field is immutable when `immutable` is set"


def settled(kind: Kind, obj: Object) -> Object:
    """The object with what the server fills in."""
    if kind is NAMESPACES:
        return {"spec": {"finalizers": ["kubernetes"]}, "status": {"phase": "Active"}, **obj}
    if kind is EVENTS:
        return event_views.settled(obj)
    return _with_encoded_data(obj) if kind is SECRETS else obj


def causes(kind: Kind, old: Object | None, new: Object) -> list[Cause]:
    """What is wrong with an object, or with what is made of an old one."""
    if kind is EVENTS_K8S_IO and old is None:
        return event_views.new_causes(event_views.stored(new))
    if kind not in (SECRETS, CONFIG_MAPS):
        return []
    found = _data_causes(kind, new)
    if old is None:
        return found
    if kind is SECRETS and new.get("type") != old.get("type"):
        found.append(Cause("type", "FieldValueInvalid", f'Invalid value: "{new.get("type")}": field is immutable'))
    return [*found, *_immutability_causes(old, new)]


def _with_encoded_data(secret: Object) -> Object:
    """A Secret's `stringData` moves into its `data`."""
    plain = secret.get("stringData") or {}
    rest = {key: value for key, value in secret.items() if key != "stringData"}
    if plain:
        encoded = {key: base64.b64encode(text.encode()).decode() for key, text in plain.items()}
        rest["data"] = {**(secret.get("data") or {}), **encoded}
    return {**rest, "type": rest.get("type") or "Opaque"}


def _data_causes(kind: Kind, obj: Object) -> list[Cause]:
    found, size = [], 0
    for field in ("data", "binaryData"):
        for key, value in (obj.get(field) or {}).items():
            if not _DATA_KEY.fullmatch(key):
                found.append(Cause(f"{field}[{key}]", "FieldValueInvalid", f'Invalid value: "{key}": {_DATA_RULE}'))
            encoded = kind is SECRETS or field == "binaryData"
            size += len(base64.b64decode(value)) if encoded else len(value.encode())
    if size > _MOST_DATA_BYTES:
        where = "data" if kind is SECRETS else "[]"
        found.append(Cause(where, "FieldValueTooLong", f"Too long: must have at most {_MOST_DATA_BYTES} bytes"))
    return found


def _immutability_causes(old: Object, new: Object) -> list[Cause]:
    if not old.get("immutable"):
        return []
    found = [] if new.get("immutable") else [Cause("immutable", "FieldValueForbidden", _UNCHANGEABLE)]
    changed = [field for field in ("data", "binaryData") if (old.get(field) or {}) != (new.get(field) or {})]
    return [*found, *(Cause(field, "FieldValueForbidden", _UNCHANGEABLE) for field in changed)]
