"""Validation against structural schemas, in the words of kube-apiserver: each message names its field."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import islice
from typing import Any

from jumplab_operator.standalone.base import errors
from jumplab_operator.standalone.base.errors import Cause
from jumplab_operator.standalone.base.kinds import Object
from jumplab_operator.standalone.base.strict_json import LARGEST_INTEGER_OF_A_FLOAT
from jumplab_operator.standalone.objects import formats

_OBJECT_KEYS = ("apiVersion", "kind", "metadata")
_PLAIN_KEYWORDS = frozenset({"type", "properties", "additionalProperties", "items", "required", "description"})
_PLAIN_TYPES = {str: "string", bool: "boolean", int: "integer"}


def causes(obj: Object, schema: Object, path: str = "") -> list[Cause]:
    """What is wrong with an object (or with what it has at a path), in the order of its fields; the first hundred."""
    if _is_plainly_valid(obj, schema):
        return []
    rest = {key: value for key, value in obj.items() if key not in _OBJECT_KEYS}
    required = [field for field in schema.get("required", ()) if field not in _OBJECT_KEYS]
    return list(islice(_check(rest, {**schema, "required": required}, path), errors.MOST_CAUSES))


def _is_plainly_valid(value: Any, schema: Object) -> bool:
    """Whether nothing is wrong, as far as a schema of types and fields alone tells; False where it takes a closer look.

    Most of what is sent is right, and this takes a fraction of the time in which causes are found.
    """
    if not schema.keys() <= _PLAIN_KEYWORDS:
        return False
    wanted = schema.get("type")
    if not isinstance(value, dict | list):
        return wanted is not None and _PLAIN_TYPES.get(type(value)) == wanted
    if isinstance(value, list):
        items = schema.get("items")
        return wanted == "array" and (items is None or all(_is_plainly_valid(item, items) for item in value))
    if wanted != "object":
        return False
    for field in schema.get("required", ()):
        if field not in value:
            return False
    properties, extra = schema.get("properties", {}), schema.get("additionalProperties")
    for field, child in value.items():
        rule = properties.get(field, extra)
        if isinstance(rule, dict) and not _is_plainly_valid(child, rule):
            return False
    return True


def _check(value: Any, schema: Object, path: str) -> Iterator[Cause]:
    if value is None and schema.get("nullable"):
        return
    wrong = _type_error(value, schema)
    if wrong:
        actual = _quoted(_type_name(value))
        yield _invalid(path, actual, f"must be of type {wrong}: {actual}")
        return
    if "enum" in schema and value not in schema["enum"]:
        supported = ", ".join(_quoted(each) for each in schema["enum"])
        yield Cause(
            path, "FieldValueNotSupported", f"Unsupported value: {_quoted(value)}: supported values: {supported}"
        )
    if isinstance(value, str):
        yield from _check_text(value, schema, path)
    elif isinstance(value, bool):
        pass
    elif isinstance(value, int | float):
        yield from _check_number(value, schema, path)
    elif isinstance(value, list):
        yield from _check_list(value, schema, path)
    elif isinstance(value, dict):
        yield from _check_object(value, schema, path)
    yield from _check_combinations(value, schema, path)


def _check_text(value: str, schema: Object, path: str) -> Iterator[Cause]:
    if len(value) > schema.get("maxLength", len(value)):
        yield _invalid(path, _quoted(value), f"should be at most {schema['maxLength']} chars long")
        return  # a pattern takes its time for each character
    if len(value) < schema.get("minLength", 0):
        yield _invalid(path, _quoted(value), f"should be at least {schema['minLength']} chars long")
    if "pattern" in schema and not _compiled(schema["pattern"]).search(value):
        yield _invalid(path, _quoted(value), f"should match '{schema['pattern']}'")

    if "format" in schema and not formats.fits(value, schema["format"]):
        yield _invalid(path, _quoted(value), f"must be of type {schema['format']}: {_quoted(value)}")


def _check_number(value: float, schema: Object, path: str) -> Iterator[Cause]:
    if "maximum" in schema:
        exclusive = schema.get("exclusiveMaximum", False)
        if value > schema["maximum"] or (exclusive and value == schema["maximum"]):
            rule = "less than" if exclusive else "less than or equal to"
            yield _invalid(path, _quoted(value), f"should be {rule} {schema['maximum']}")
    if "minimum" in schema:
        exclusive = schema.get("exclusiveMinimum", False)
        if value < schema["minimum"] or (exclusive and value == schema["minimum"]):
            rule = "greater than" if exclusive else "greater than or equal to"
            yield _invalid(path, _quoted(value), f"should be {rule} {schema['minimum']}")


def _check_list(value: list[Any], schema: Object, path: str) -> Iterator[Cause]:
    if len(value) > schema.get("maxItems", len(value)):
        yield _invalid(path, str(len(value)), f"should have at most {schema['maxItems']} items")
    if len(value) < schema.get("minItems", 0):
        yield _invalid(path, str(len(value)), f"should have at least {schema['minItems']} items")
    items = schema.get("items")
    if isinstance(items, dict):
        for index, item in enumerate(value):
            yield from _check(item, items, f"{path}[{index}]")


def _check_object(value: Object, schema: Object, path: str) -> Iterator[Cause]:
    if len(value) > schema.get("maxProperties", len(value)):
        limit = schema["maxProperties"]
        yield _invalid(path, str(limit), f"should have at most {limit} properties")
    if len(value) < schema.get("minProperties", 0):
        limit = schema["minProperties"]
        yield _invalid(path, str(limit), f"should have at least {limit} properties")
    for field in schema.get("required", ()):
        if field not in value:
            yield Cause(_child(path, field), "FieldValueRequired", "Required value")
    properties, extra = schema.get("properties", {}), schema.get("additionalProperties")
    for field, child in value.items():
        rule = properties.get(field, extra if isinstance(extra, dict) else None)
        if rule is not None:
            yield from _check(child, rule, _child(path, field))


def _check_combinations(value: Any, schema: Object, path: str) -> Iterator[Cause]:
    for part in schema.get("allOf", ()):
        yield from _check(value, part, path)
    if "anyOf" in schema and not any(_admits(part, value) for part in schema["anyOf"]):
        yield _invalid(path, _quoted(value), "must validate at least one schema (anyOf)")
    if "oneOf" in schema and sum(_admits(part, value) for part in schema["oneOf"]) != 1:
        yield _invalid(path, _quoted(value), "must validate one and only one schema (oneOf)")
    if "not" in schema and _admits(schema["not"], value):
        yield _invalid(path, _quoted(value), "must not validate the schema (not)")


def _admits(schema: Object, value: Any) -> bool:
    return next(_check(value, schema, ""), None) is None


def _type_error(value: Any, schema: Object) -> str:
    """The type that the value should have, empty where it has it."""
    if schema.get("x-kubernetes-int-or-string"):
        return "" if isinstance(value, int | str) and not isinstance(value, bool) else "integer,string"
    wanted = schema.get("type", "")
    actual = _type_name(value)
    fits = not wanted or wanted == actual or (wanted == "number" and actual == "integer")
    return "" if fits else str(wanted)


def _type_name(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, float) and value.is_integer() and abs(value) <= LARGEST_INTEGER_OF_A_FLOAT:
        return "integer"
    names = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array", dict: "object"}
    return names[type(value)]


def _invalid(path: str, value_text: str, rule: str) -> Cause:
    return Cause(path, "FieldValueInvalid", f"Invalid value: {value_text}: {path} in body {rule}")


def _quoted(value: Any) -> str:
    return errors.brief(json.dumps(value, ensure_ascii=False))


def _child(path: str, field: str) -> str:
    return f"{path}.{field}" if path else field


@lru_cache(maxsize=512)
def _compiled(pattern: str) -> re.Pattern[str]:
    if pattern.endswith("$") and not pattern.endswith("\\$"):
        pattern = pattern[:-1] + r"\Z"  # Python's $ would let a line feed through
    return re.compile(pattern)
