"""Types of fields that the files of clients and exporters share, in Jumpstarter's formats."""

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from jumplab.protocol.durations import LONGEST, parse_duration, parse_positive_duration


def _positive(value: Any) -> Any:
    return parse_positive_duration(value).total_seconds() if isinstance(value, str) else _number(value)


def _not_negative(value: Any) -> Any:
    return parse_duration(value).total_seconds() if isinstance(value, str) else _number(value)


def _number(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError(f"must be a duration, such as 90s, or a number of seconds, not {str(value).lower()}")
    return value


def _text(value: Any) -> Any:
    return "" if value is None else value


_LONGEST_SECONDS = LONGEST.total_seconds()

# As every duration, and as a number of seconds, which is how Jumpstarter's files have it.
Seconds = Annotated[float, BeforeValidator(_positive), Field(gt=0, le=_LONGEST_SECONDS, allow_inf_nan=False)]
SecondsOrZero = Annotated[float, BeforeValidator(_not_negative), Field(ge=0, le=_LONGEST_SECONDS, allow_inf_nan=False)]

# Jumpstarter writes null where a text is not set.
OptionalText = Annotated[str, BeforeValidator(_text)]
