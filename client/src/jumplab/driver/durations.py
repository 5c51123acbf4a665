"""Durations in a driver's settings and in arguments of calls: written as everywhere else, `10m` or `90s`."""

import operator
from datetime import timedelta
from functools import reduce
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BeforeValidator, TypeAdapter, ValidationError

from jumplab.protocol.durations import parse_duration

_as_it_travels = TypeAdapter(timedelta)  # ISO 8601


def _read(value: Any) -> Any:
    """A text as a duration, which pydantic then takes as it is; what is none is for pydantic to refuse."""
    if not isinstance(value, str):
        return value
    try:
        return parse_duration(value)
    except ValueError:
        pass
    try:
        return _as_it_travels.validate_python(value)
    except ValidationError:
        return value


_Duration = Annotated[timedelta, BeforeValidator(_read)]


def reading_durations(annotation: Any) -> Any:
    """The annotation, with each timedelta in it taking what `parse_duration` takes, too."""
    if annotation is timedelta:
        return _Duration
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return Annotated[(reading_durations(parts[0]), *parts[1:])]
    if origin in (Union, UnionType):
        return reduce(operator.or_, map(reading_durations, parts))
    if origin in (list, dict, tuple, set):
        return origin[tuple(map(reading_durations, parts))]
    return annotation
