"""JSON as RFC 8259 and the readers of other languages have it; Python's own reader takes more, and hands it on.

A number becomes what kube-apiserver makes of it: an integer that an int64 holds, else a float.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any

DEEPEST = 100
"""Levels of lists and objects within each other: what reads them later calls itself once or more for each."""
MOST_CONTAINERS = 60_000
"""Lists and objects of one text: Python makes these without a pause, half a microsecond each."""
LARGEST_INTEGER_OF_A_FLOAT = 2**53 - 1
"""Up to here a float tells each integer from the next."""

_INT64 = range(-(2**63), 2**63)
_INT64_DIGITS = len(str(_INT64.start))
_STRING = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"?')
_HALF_OF_A_PAIR = re.compile(r"\\u[dD][89a-fA-F]")


def read(body: bytes) -> Any:
    """The value; raises ValueError, with a sentence, for what is no JSON, can't be stored, or is nested too deeply."""
    text = body.decode()
    _check_containers(text)
    try:
        value = _DECODER.decode(text)
    except RecursionError:
        raise _too_deep() from None
    if text.count("{") + text.count("[") > DEEPEST:
        check_depth(value)
    if _HALF_OF_A_PAIR.search(text):
        _check_characters(value)
    return value


def check_depth(value: Any) -> None:
    """Raises ValueError for a value that is nested too deeply."""
    level = [value]
    for _ in range(DEEPEST + 1):
        level = [each for outer in level for each in _inside(outer) if isinstance(each, dict | list)]
        if not level:
            return
    raise _too_deep()


def _check_containers(text: str) -> None:
    """Raises ValueError for a text of too many lists and objects; brackets in strings are none."""
    if text.count("{") + text.count("[") <= MOST_CONTAINERS:
        return
    bare = _STRING.sub("", text)
    if bare.count("{") + bare.count("[") > MOST_CONTAINERS:
        raise ValueError(f"it has more than {MOST_CONTAINERS} lists and objects")


def _inside(value: Any) -> Any:
    return value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()


def _too_deep() -> ValueError:
    return ValueError(f"it is nested more than {DEEPEST} levels deep")


def _constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON number")


def _number(text: str) -> float | int:
    number = _finite(text)
    return int(number) if number.is_integer() and abs(number) <= LARGEST_INTEGER_OF_A_FLOAT else number


def _integer(text: str) -> float | int:
    if len(text) <= _INT64_DIGITS and (exact := int(text)) in _INT64:
        return exact
    return _finite(text)


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"the number {_shortened(text)} is out of range")
    return number


def _shortened(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:20]}… of {len(text)} digits"


def _check_characters(value: Any) -> None:
    """An escape may name half of a surrogate pair, which is no character and can't be written as UTF-8."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        half = f"\\u{ord(error.object[error.start]):04x}"
        raise ValueError(f"a string holds {half}, which is half of a surrogate pair and no character") from error


_DECODER = json.JSONDecoder(parse_constant=_constant, parse_float=_number, parse_int=_integer)
