"""Fields common to the files of clients and exporters, and to their variables, in Jumpstarter's formats."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, GetJsonSchemaHandler

from jumplab.protocol.durations import LONGEST, parse_duration, parse_positive_duration

INSECURE_VARIABLES = ("JUMPSTARTER_GRPC_INSECURE", "JMP_GRPC_INSECURE")
"""Either takes the place of `tls.insecure`, if it is on."""

_ON, _OFF = ("1", "true", "yes", "on"), ("", "0", "false", "no", "off")


def is_on(variable: str, environment: Mapping[str, str]) -> bool:
    """Whether a variable switches something on. Raises ValueError, with the variable's name."""
    text = environment.get(variable, "").strip().lower()
    if text not in (*_ON, *_OFF):
        raise ValueError(f'{variable}: must be 1 or 0, not "{environment[variable]}"')
    return text in _ON


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


class AlsoWritten:
    """In an Annotated, behind the BeforeValidator that reads it: a field is also written as one of these schemas says.

    For the JSON schema of a file; nothing is validated by it.
    """

    def __init__(self, *schemas: Mapping[str, Any]) -> None:
        self._schemas = schemas

    def __get_pydantic_json_schema__(self, core_schema: Any, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"anyOf": [*map(dict, self._schemas), handler(core_schema)]}


OR_NULL = AlsoWritten({"type": "null"})

_LONGEST_SECONDS = LONGEST.total_seconds()

# As every duration, and as a number of seconds, which is how Jumpstarter's files have it.
Seconds = Annotated[float, BeforeValidator(_positive), Field(gt=0, le=_LONGEST_SECONDS, allow_inf_nan=False)]
SecondsOrZero = Annotated[float, BeforeValidator(_not_negative), Field(ge=0, le=_LONGEST_SECONDS, allow_inf_nan=False)]

# Jumpstarter writes null where a text is not set.
OptionalText = Annotated[str, BeforeValidator(_text), OR_NULL]
