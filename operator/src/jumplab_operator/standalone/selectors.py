"""Label and field selectors, as the query parameters have them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from jumplab_operator.standalone import errors
from jumplab_operator.standalone.kinds import Kind, Object

Labels = Mapping[str, str]
Predicate = Callable[[Labels], bool]

_SET = re.compile(r"^\s*(\S+?)\s+(in|notin)\s*\(([^)]*)\)\s*$")
_EQUAL = re.compile(r"^\s*([^\s!=]+)\s*(==|=|!=)\s*([^\s!=]*)\s*$")
_EXISTS = re.compile(r"^\s*(!?)\s*([^\s!=(),<>]+)\s*$")
_COMPARE = re.compile(r"^\s*([^\s<>=!]+)\s*([<>])\s*(-?\d{1,18})\s*$")


def label_selector(text: str) -> Predicate | None:
    """What a label selector admits, None where it admits all; raises a 400 for one that can't be read."""
    predicates = [_requirement(part, text) for part in _parts(text) if part.strip()]
    if not predicates:
        return None
    return lambda labels: all(admits(labels) for admits in predicates)


def _parts(text: str) -> list[str]:
    """Split at the commas outside parentheses."""
    return re.split(r",(?![^(]*\))", text)


def _requirement(part: str, text: str) -> Predicate:
    if match := _SET.match(part):
        key, operator, listed = match.groups()
        values = {value.strip() for value in listed.split(",")}
        if operator == "in":
            return lambda labels: key in labels and labels[key] in values
        return lambda labels: key not in labels or labels[key] not in values
    if match := _EQUAL.match(part):
        key, operator, value = match.groups()
        if operator == "!=":
            return lambda labels: labels.get(key) != value
        return lambda labels: labels.get(key) == value
    if match := _COMPARE.match(part):
        key, operator, value = match.groups()
        return lambda labels: _compares(labels.get(key, ""), operator, int(value))
    if match := _EXISTS.match(part):
        absent, key = match.groups()
        return lambda labels: (key in labels) != bool(absent)
    raise errors.bad_request(f'unable to parse requirement: "{part.strip()}" of the label selector "{text}"')


def _compares(value: str, operator: str, bound: int) -> bool:
    try:
        number = int(value)
    except ValueError:
        return False
    return number > bound if operator == ">" else number < bound


def single_name(text: str) -> str:
    """The name that a field selector asks for and nothing else, empty where it doesn't."""
    match = re.fullmatch(r"\s*metadata\.name\s*==?\s*([^\s,!=]+)\s*", text)
    return match[1] if match else ""


def field_selector(text: str, kind: Kind) -> Callable[[Object], bool] | None:
    """What a field selector admits, None where it admits all; raises a 400 for a field that the kind hasn't."""
    tests: list[tuple[tuple[str, ...], str, bool]] = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        match = _EQUAL.match(part)
        if match is None:
            raise errors.bad_request(f"invalid selector: '{text}'; can't understand '{part}'")
        field, operator, value = match.groups()
        if field not in ("metadata.name", "metadata.namespace") and field not in kind.fields:
            raise errors.bad_request(f"field label not supported: {field}")
        tests.append((tuple(field.split(".")), value, operator != "!="))
    if not tests:
        return None
    return lambda obj: all((_value(obj, path) == value) == wanted for path, value, wanted in tests)


def _value(obj: Object, path: tuple[str, ...]) -> str:
    value: object = obj
    for step in path:
        value = value.get(step) if isinstance(value, dict) else None
    if isinstance(value, dict):  # an event's source is selected by its component
        value = value.get("component")
    return "" if value is None else str(value)
