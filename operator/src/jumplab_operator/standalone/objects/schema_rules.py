"""What a CustomResourceDefinition's schema may be made of: keywords with values of their type, and patterns to read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from jumplab_operator.standalone.base.errors import Cause
from jumplab_operator.standalone.base.kinds import Object
from jumplab_operator.standalone.objects import pruning, validation

_TEXT = {"type": "string"}
_FLAG = {"type": "boolean"}
_NUMBER = {"type": "number"}
_COUNT = {"type": "integer", "minimum": 0}
_TEXTS = {"type": "array", "items": _TEXT}
_SCHEMA: Object = {"type": "object"}
_SCHEMAS = {"type": "array", "items": _SCHEMA}
_BY_NAME = {"type": "object", "additionalProperties": _SCHEMA}
_SCHEMA["properties"] = {
    **dict.fromkeys(("description", "format", "pattern", "title", "type"), _TEXT),
    **dict.fromkeys(("exclusiveMaximum", "exclusiveMinimum", "nullable", "uniqueItems"), _FLAG),
    **dict.fromkeys(("x-kubernetes-embedded-resource", "x-kubernetes-int-or-string"), _FLAG),
    "x-kubernetes-preserve-unknown-fields": _FLAG,
    **dict.fromkeys(("maximum", "minimum"), _NUMBER),
    **dict.fromkeys(("maxItems", "maxLength", "maxProperties", "minItems", "minLength", "minProperties"), _COUNT),
    "required": _TEXTS,
    "enum": {"type": "array"},
    **dict.fromkeys(("items", "not"), _SCHEMA),
    **dict.fromkeys(("allOf", "anyOf", "oneOf"), _SCHEMAS),
    "properties": _BY_NAME,
    "additionalProperties": {"oneOf": [_FLAG, _SCHEMA]},
}


def without_nulls(written: Object) -> Object:
    """A schema without the keywords that are null: they count as absent."""
    return pruning.defaulted(written, _SCHEMA)


def causes(written: Object, path: str) -> list[Cause]:
    """All that is wrong with a schema, at a path of its CustomResourceDefinition."""
    return validation.causes(written, _SCHEMA, path) or list(_pattern_causes(written, path))


def _pattern_causes(written: Object, path: str) -> Iterator[Cause]:
    pattern = written.get("pattern", "")
    try:
        re.compile(pattern)
    except re.error as error:
        rule = f'Invalid value: "{pattern}": must be a valid regular expression, but isn\'t: {error}'
        yield Cause(f"{path}.pattern", "FieldValueInvalid", rule)
    for step, child in _within(written):
        yield from _pattern_causes(child, f"{path}.{step}")


def _within(written: Object) -> Iterator[tuple[str, Any]]:
    for name, child in written.get("properties", {}).items():
        yield f"properties[{name}]", child
    for field in ("items", "not", "additionalProperties"):
        if isinstance(child := written.get(field), dict):
            yield field, child
    for field in ("allOf", "anyOf", "oneOf"):
        for index, child in enumerate(written.get(field, ())):
            yield f"{field}[{index}]", child
