"""Label and field selectors, as the query parameters have them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from jumplab.protocol.label_selectors import (
    TextRequirement,
    UnreadableSelector,
    check_count,
    check_length,
    parse_label_selector,
)
from jumplab_operator.standalone.base import errors
from jumplab_operator.standalone.base.kinds import Kind, Object

Labels = Mapping[str, str]
Predicate = Callable[[Labels], bool]

_FIELD = re.compile(r"([^\s!=]+)\s*(==|=|!=)\s*([^\s!=]*)")


def label_selector(text: str) -> Predicate | None:
    """What a label selector admits, None where it admits all; raises a 400 for one that can't be read."""
    try:
        predicates = [_predicate(requirement) for requirement in parse_label_selector(text)]
    except UnreadableSelector as error:
        raise errors.bad_request(str(error)) from error
    if not predicates:
        return None
    return lambda labels: all(admits(labels) for admits in predicates)


def _predicate(requirement: TextRequirement) -> Predicate:
    key, values = requirement.key, frozenset(requirement.values)
    match requirement.operator:
        case "in":
            return lambda labels: key in labels and labels[key] in values
        case "notin":
            return lambda labels: key not in labels or labels[key] not in values
        case "exists":
            return lambda labels: key in labels
        case "absent":
            return lambda labels: key not in labels
        case operator:
            bound = int(requirement.values[0])
            return lambda labels: _compares(labels.get(key, ""), operator, bound)


def _compares(value: str, operator: str, bound: int) -> bool:
    if not value.isdecimal():
        return False
    return int(value) > bound if operator == ">" else int(value) < bound


def single_name(text: str) -> str:
    """The name that a field selector asks for and nothing else, empty where it doesn't."""
    match = re.fullmatch(r"\s*metadata\.name\s*==?\s*([^\s,!=]+)\s*", text)
    return match[1] if match else ""


def field_selector(text: str, kind: Kind) -> Callable[[Object], bool] | None:
    """What a field selector admits, None where it admits all; raises a 400 for a field that the kind hasn't."""
    tests: list[tuple[tuple[str, ...], str, bool]] = []
    for part in _field_requirements(text):
        match = _FIELD.fullmatch(part)
        if match is None:
            raise errors.bad_request(
                f"invalid selector: '{errors.brief(text)}'; can't understand '{errors.brief(part)}'"
            )
        field, operator, value = match.groups()
        if field not in ("metadata.name", "metadata.namespace") and field not in kind.fields:
            raise errors.bad_request(f"field label not supported: {errors.brief(field)}")
        tests.append((tuple(field.split(".")), value, operator != "!="))
    if not tests:
        return None
    return lambda obj: all((_value(obj, path) == value) == wanted for path, value, wanted in tests)


def _field_requirements(text: str) -> list[str]:
    try:
        check_length(text)
        parts = [stripped for part in text.split(",") if (stripped := part.strip())]
        check_count(parts)
    except UnreadableSelector as error:
        raise errors.bad_request(str(error)) from error
    return parts


def _value(obj: Object, path: tuple[str, ...]) -> str:
    value: object = obj
    for step in path:
        value = value.get(step) if isinstance(value, dict) else None
    if isinstance(value, dict):  # an event's source is selected by its component
        value = value.get("component")
    return "" if value is None else str(value)
