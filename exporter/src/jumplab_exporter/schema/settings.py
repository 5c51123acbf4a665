"""How settings are written in a configuration file, as JSON schema: durations, sizes, and words that YAML misreads."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema
from pydantic_core import core_schema

from jumplab.protocol import durations
from jumplab.protocol.durations import format_duration
from jumplab_exporter.schema.descriptions import descriptions_of, text_of

_DURATION = {"type": "string", "pattern": durations.PATTERN, "maxLength": durations.MOST_CHARACTERS}
_SIZE = {"type": "string", "pattern": r"^([0-9]+(\.[0-9]*)?|\.[0-9]+) ?([A-Za-z]*)$"}
_BOUNDS = {"ge": "minimum", "gt": "exclusiveMinimum", "le": "maximum", "lt": "exclusiveMaximum"}


class FileSchema(GenerateJsonSchema):
    """Pydantic's schemas, of what a file may say: its validators read text for numbers and lists."""

    def function_before_schema(self, schema: core_schema.BeforeValidatorFunctionSchema) -> dict[str, Any]:
        return _as_written(self.generate_inner(schema["schema"]))

    def timedelta_schema(self, schema: core_schema.TimedeltaSchema) -> dict[str, Any]:  # noqa: ARG002 - pydantic's hook
        return {"anyOf": [dict(_DURATION), {"type": "number"}]}

    def model_schema(self, schema: core_schema.ModelSchema) -> dict[str, Any]:
        return _described(super().model_schema(schema), schema["cls"])

    def encode_default(self, dft: Any) -> Any:
        return format_duration(dft) if isinstance(dft, timedelta) else super().encode_default(dft)

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002 - pydantic's hook
        return False


def _as_written(read: dict[str, Any]) -> dict[str, Any]:
    """The schema of a setting that is read by a function of its own first."""
    match read:
        case {"type": "integer"}:
            return {"anyOf": [read, dict(_SIZE)]}
        case {"type": "number"}:
            return {"anyOf": [read, dict(_DURATION)]}
        case {"enum": _}:  # such as `on` and `1`, which YAML doesn't read as text
            return {"anyOf": [read, {"type": ["boolean", "integer"]}]}
        case {"type": "string"}:
            return {"anyOf": [read, {"type": "boolean"}]}
        case {"type": "array"}:  # a command's words
            return {"anyOf": [read, {"type": "string", "minLength": 1}]}
        case _:
            return read


def _described(schema: dict[str, Any], model: type[BaseModel]) -> dict[str, Any]:
    """With the docstring's words for each key, which the whole repeats."""
    if "properties" not in schema:
        return schema
    keys = {name: field.alias or name for name, field in model.model_fields.items()}
    words = descriptions_of(model, {*keys, *keys.values()})
    properties = {
        key: {**schema["properties"][key], **_description(words.get(key) or words.get(name, ""))}
        for name, key in keys.items()
        if key in schema["properties"]
    }
    return {**schema, "properties": properties, **_description(text_of(model))}


def _description(text: str) -> dict[str, str]:
    return {"description": text} if text else {}


def tidied(schema: Any) -> Any:
    """A schema without titles, and with its bounds as the words of JSON schema: pydantic leaves some as it has them."""
    if isinstance(schema, list):
        return [tidied(each) for each in schema]
    if not isinstance(schema, Mapping):
        return schema
    tidy: dict[str, Any] = {}
    for key, value in schema.items():
        if key in _BOUNDS:
            if isinstance(value, int | float):
                tidy[_BOUNDS[key]] = value
        elif key == "properties":  # whose keys are settings
            tidy[key] = {name: tidied(each) for name, each in value.items()}
        elif not (key == "title" or (key == "discriminator" and isinstance(value, Mapping))):
            tidy[key] = tidied(value)
    return tidy
