"""From the JSON schema of a method's arguments to a command's parameters. Pure."""

import json
from collections.abc import Mapping
from typing import Any

import click

_TYPES: Mapping[str, click.ParamType[Any]] = {
    "integer": click.INT,
    "number": click.FLOAT,
    "boolean": click.BOOL,
    "string": click.STRING,
}


class JsonType(click.ParamType[Any]):
    """Any JSON value."""

    name = "json"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            return json.loads(value)
        except ValueError:
            self.fail(f'{value!r} is not JSON; quote text as "text"', param, ctx)


def option_name(name: str) -> str:
    """`off_seconds` as it is written on a command line: `off-seconds`."""
    return name.replace("_", "-")


def parameters_of(schema: Mapping[str, Any]) -> list[click.Parameter]:
    """Required arguments by position, the others as options."""
    required, shared = schema.get("required", ()), schema.get("$defs", {})
    return [
        _parameter(name, type_of(argument, shared), required=name in required)
        for name, argument in schema.get("properties", {}).items()
    ]


def type_of(schema: Mapping[str, Any], shared: Mapping[str, Any]) -> click.ParamType[Any]:
    """The type of one argument; JSON where the command line has no simpler form of it.

    shared: the schemas that others refer to by name, as enums are.
    """
    if "$ref" in schema:
        return type_of(shared[str(schema["$ref"]).rpartition("/")[2]], shared)
    choices = [choice for choice in schema.get("anyOf", ()) if choice.get("type") != "null"]
    if len(choices) == 1:
        return type_of(choices[0], shared)
    values = schema.get("enum", [schema["const"]] if "const" in schema else [])
    if values and all(isinstance(value, str) for value in values):
        return click.Choice(values)
    return _TYPES.get(str(schema.get("type")), JsonType())


def _parameter(name: str, type_: click.ParamType[Any], *, required: bool) -> click.Parameter:
    if required:
        return click.Argument([name], type=type_)
    return click.Option([f"--{option_name(name)}", name], type=type_)
