"""The JSONPath of printer columns: fields, indexes, wildcards, filters (`[?(@.type=="Ready")]`), and unions
(`['endTime','expectedEndTime']`)."""

from __future__ import annotations

import json
import operator as operators
import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

_Step = Callable[[Any], list[Any]]

_LONGEST = 1_000  # reading a path takes time with the square of its length
_FIELD = re.compile(r"\.?((?:[^.\[\\]|\\.)+)")
_QUOTED = re.compile(r"\[(['\"])(.*?)\1\]")
_UNION = re.compile(r"\[\s*'[^']*'(?:\s*,\s*'[^']*')+\s*\]")
_INDEX = re.compile(r"\[(-?\d+)\]")
_ALL = re.compile(r"\[\*\]|\.\*")
_FILTER = re.compile(r"\[\?\(\s*@\.?([^=!<>\s)]*)\s*(?:(==|!=|>=|<=|>|<)\s*(.+?))?\s*\)\]")


_ORDERS: dict[str, Callable[[float, float], bool]] = {
    ">": operators.gt,
    "<": operators.lt,
    ">=": operators.ge,
    "<=": operators.le,
}


def find(path: str, obj: Any) -> list[Any]:
    """What the path leads to; nothing where it leads nowhere, or can't be read."""
    found = [obj]
    for step in _steps(path):
        found = [result for value in found for result in step(value)]
    return found


@lru_cache(maxsize=512)
def _steps(path: str) -> tuple[_Step, ...]:
    if len(path) > _LONGEST:
        return (_nowhere,)
    steps: list[_Step] = []
    rest = path.removeprefix("$")
    while rest:
        step, length = _read_step(rest)
        steps.append(step)
        rest = rest[length:]
    return tuple(steps)


def _read_step(text: str) -> tuple[_Step, int]:
    if match := _ALL.match(text):
        return _all, match.end()
    if match := _FILTER.match(text):
        return _filter(*match.groups()), match.end()
    if match := _INDEX.match(text):
        return _index(int(match[1])), match.end()
    if match := _UNION.match(text):
        return _union(re.findall(r"'([^']*)'", match[0])), match.end()
    if match := _QUOTED.match(text):
        return _field(match[2]), match.end()
    if match := _FIELD.match(text):
        return _field(re.sub(r"\\(.)", r"\1", match[1])), match.end()
    return _nowhere, len(text)


def _nowhere(_value: Any) -> list[Any]:
    return []


def _field(name: str) -> _Step:
    return lambda value: [value[name]] if isinstance(value, dict) and name in value else []


def _union(paths: list[str]) -> _Step:
    """What each of the paths leads to, in their order."""
    return lambda value: [result for path in paths for result in find(f".{path}", value)]


def _index(number: int) -> _Step:
    return lambda value: [value[number]] if isinstance(value, list) and -len(value) <= number < len(value) else []


def _all(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return list(value) if isinstance(value, list) else []


def _filter(path: str, operator: str | None, literal: str | None) -> _Step:
    inner = _steps(path)

    def admits(item: Any) -> bool:
        found = [item]
        for step in inner:
            found = [result for value in found for result in step(value)]
        if operator is None or literal is None:
            return bool(found)
        return any(_compares(value, operator, _literal(literal)) for value in found)

    return lambda value: [item for item in value if admits(item)] if isinstance(value, list) else []


def _literal(text: str) -> Any:
    if text[:1] == text[-1:] == "'":
        return text[1:-1]
    try:
        return json.loads(text)
    except ValueError:
        return text


def _compares(value: Any, operator: str, wanted: Any) -> bool:
    if operator in ("==", "!="):
        return bool(value == wanted) == (operator == "==")
    if not isinstance(value, int | float) or not isinstance(wanted, int | float):
        return False
    return _ORDERS[operator](value, wanted)
