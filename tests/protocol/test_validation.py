"""Validation errors as sentences: each problem, its path, what was found, and none of pydantic's own words."""

import re
from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Any, Literal

import pytest
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, HttpUrl, TypeAdapter, ValidationError
from pydantic_core import InitErrorDetails
from pydantic_core._pydantic_core import list_all_errors

from jumplab.driver import Driver, errors
from jumplab.driver.codec import Codec
from jumplab.validation import explain_validation
from jumplab_operator.resources import Lease
from jumplab_operator.resources.errors import Unreadable


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


class Child(BaseModel):
    model_config = ConfigDict(extra="forbid")

    size: int


def explained(annotation: Any, found: Any) -> str:
    with pytest.raises(ValidationError) as refused:
        TypeAdapter(annotation).validate_python(found)
    return explain_validation(refused.value, found)


@pytest.mark.parametrize(
    ("annotation", "found", "sentence"),
    [
        (Child, {}, "size: is missing"),
        (Child, {"size": 1, "colour": 2}, "colour: is not known; remove it or correct its spelling"),
        (Child, "big", 'must be a mapping, not "big"'),
        (Child, None, "must be a mapping, not null"),
        (dict[str, Child], {"a": {}, "b": 5}, "a.size: is missing; b: must be a mapping, not 5"),
        (
            list[int],
            [1, "two", 3, []],
            '[1]: must be a whole number, not "two"; [3]: must be a whole number, not a list',
        ),
        (dict[str, list[int]], {"a": [0.5]}, "a[0]: must be a whole number, not 0.5"),
        (float, "fast", 'must be a number, not "fast"'),
        (bool, "perhaps", 'must be true or false, not "perhaps"'),
        (str, True, "must be text, not true"),
        (list[str], {"a": 1}, "must be a list, not a mapping"),
        (Annotated[int, Field(gt=0)], 0, "must be greater than 0, not 0"),
        (Annotated[int, Field(ge=64)], 63, "must be at least 64, not 63"),
        (Annotated[int, Field(le=5)], 7, "must be at most 5, not 7"),
        (Annotated[int, Field(lt=5)], 5, "must be less than 5, not 5"),
        (Annotated[str, Field(min_length=1)], "", "must not be empty"),
        (Annotated[str, Field(max_length=3)], "four", "must have at most 3 characters, not 4"),
        (Annotated[list[int], Field(min_length=2)], [1], "must have at least 2 entries, not 1"),
        (Annotated[str, Field(pattern="^[a-z]+$")], "A", 'must match ^[a-z]+$, not "A"'),
        (Literal["warn", "exit"], "panic", 'must be "warn" or "exit", not "panic"'),
        (Colour, "green", 'must be "red" or "blue", not "green"'),
        (HttpUrl, "nowhere", 'must be a URL, as http://relay.example.com, not "nowhere"'),
        (date, "soon", 'must be a date, as 2026-08-01, not "soon"'),
        (datetime, "soon", 'must be a date and time, as 2026-08-01T14:30:00Z, not "soon"'),
        (AwareDatetime, "2026-08-01T14:30:00", "must be a date and time with its zone, as 2026-08-01T14:30:00Z"),
        (int | bool | None, "x", 'must be a whole number or true or false, not "x"'),
        (dict[str, str | int], {"a": []}, "a: must be text or a whole number, not a list"),
        (str, b"\xff", "must be text in UTF-8"),
        (int, "x" * 100, f'must be a whole number, not "{"x" * 60}…"'),
        (int, "a\nb", 'must be a whole number, not "a b"'),
    ],
)
def test_a_problem_is_a_plain_sentence(annotation: Any, found: Any, sentence: str) -> None:
    assert explained(annotation, found).startswith(sentence)
    assert "\n" not in explained(annotation, found)


@pytest.mark.parametrize("key", ["token", "apiToken", "password", "private_key", "clientSecret"])
def test_a_secret_is_not_shown(key: str) -> None:
    assert explained(dict[str, int], {key: "hunter2"}) == f"{key}: must be a whole number"


JARGON = re.compile(r"\b(Input|should|pydantic|instance|dictionary|https://errors)\b|None")


@pytest.mark.parametrize("kind", [each["type"] for each in list_all_errors()])
def test_every_kind_of_error_is_told_without_jargon(kind: Any) -> None:
    context = next(each.get("example_context") for each in list_all_errors() if each["type"] == kind) or {}
    context |= {"error": ValueError("must be x")} if "error" in context and context["error"] is None else {}
    details = InitErrorDetails(type=kind, loc=("a", 0), input="found", ctx=context)
    sentence = explain_validation(ValidationError.from_exception_data("Model", [details]))
    assert sentence.startswith("a[0]: ")
    assert not JARGON.search(sentence), sentence


class Meter(Driver):
    channel: int
    token: str


def read(channel: int, unit: Literal["C", "F"] = "C") -> None: ...


def test_a_driver_s_configuration_tells_all_problems() -> None:
    with pytest.raises(errors.ConfigurationInvalid) as refused:
        Meter(channel="two", token=5, colour="red")
    assert str(refused.value).endswith(
        'Meter: channel: must be a whole number, not "two"; token: must be text; '
        "colour: is not known; remove it or correct its spelling; its settings are: channel, token"
    )


def test_a_call_s_arguments_tell_all_problems_at_both_ends() -> None:
    codec = Codec(read, skip=0, result=list[int])
    with pytest.raises(errors.BadArguments, match=r'^read: channel: must be a whole number, not "two"; its arguments'):
        codec.encode_arguments(("two",), {})
    problems = 'channel: must be a whole number, not "two"; unit: must be "C" or "F", not "K"; volts: is not known'
    with pytest.raises(errors.BadArguments, match=f"^read: {re.escape(problems)}"):
        codec.decode_arguments(b'{"channel": "two", "unit": "K", "volts": 5}')
    with pytest.raises(errors.BadArguments, match="^read: is not JSON: "):
        codec.decode_arguments(b"{")
    with pytest.raises(errors.InterfaceMismatch, match=r"\[1\]: must be a whole number, not null$"):
        codec.decode_result(b"[1, null]")


def test_a_resource_tells_all_problems() -> None:
    spec = {"clientRef": {"name": ""}, "duration": "soon", "exporters": [{"name": "a"}, {"name": 5}]}
    with pytest.raises(Unreadable) as refused:
        Lease.from_plain({"metadata": {"name": "l"}, "spec": spec})
    assert str(refused.value) == (
        'Lease "l" can\'t be read: spec.clientRef.name: must not be empty; '
        'spec.duration: "soon" is not a duration; write it as 30m, 1h30m or 90s; '
        "spec.exporters[1].name: must be text, not 5"
    )
