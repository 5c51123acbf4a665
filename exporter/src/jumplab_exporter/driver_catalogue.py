"""The drivers that are installed, and the settings of each, as text for whoever writes a configuration."""

import inspect
from collections.abc import Iterator, Mapping
from datetime import timedelta
from enum import Enum
from importlib.metadata import entry_points
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import yaml
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from jumplab.driver import Driver
from jumplab.driver.driver import configuration_of
from jumplab.driver.interface import interfaces_of, methods_of
from jumplab.protocol.durations import format_duration
from jumplab_exporter.driver_factory import ENTRY_POINT_GROUP, driver_class
from jumplab_exporter.drivers.secrets import SecretInEnvironment, SecretInFile, SecretKey
from jumplab_exporter.errors import DriverUnknown

_KINDS: Mapping[type, str] = {
    bool: "true or false",
    int: "whole number",
    float: "number",
    str: "text",
    Path: "path",
    timedelta: "duration, as 10s",
    SecretInFile: "secret, as {from: file, path: /PATH}",
    SecretKey: "private key, as {from: file, path: /PATH}",
    SecretInEnvironment: "{from: env, name: NAME}",
}
_BOUNDS = {"ge": "at least", "gt": "more than", "le": "at most", "lt": "less than"}


def catalogue() -> Iterator[tuple[str, str]]:
    """Each registered type with a sentence: its kind, or why it can't be used here."""
    for kind in sorted(entry_points(group=ENTRY_POINT_GROUP).names):
        try:
            yield kind, summary_of(driver_class(kind))
        except DriverUnknown as error:
            yield kind, f"can't be used: {str(error).partition(': ')[2] or error}"


def summary_of(driver: type[Driver]) -> str:
    """The first sentence of a driver's docstring."""
    first = " ".join((inspect.getdoc(driver) or "").partition("\n\n")[0].split())
    return first.partition("  ")[0].split(".  ")[0].partition(". ")[0].rstrip(".") + "."


def description_of(kind: str) -> str:
    """A driver's docstring, methods, settings and an example. Raises DriverUnknown."""
    driver = driver_class(kind)
    methods = ", ".join(methods_of(driver)) or "none"
    interfaces = ", ".join(contract.__name__ for contract in interfaces_of(driver)) or "none"
    settings = list(_settings_of(driver))
    widths = [max((len(row[column]) for row in settings), default=0) for column in range(2)]
    table = [f"  {name:{widths[0]}}  {kind_:{widths[1]}}  {default}".rstrip() for name, kind_, default in settings]
    return "\n".join(
        [
            kind,
            "",
            inspect.getdoc(driver) or "",
            "",
            f"Interface: {interfaces}",
            f"Methods: {methods}",
            "",
            "Settings:" if table else "Settings: none",
            *table,
            "",
            "Example:",
            *(f"  {line}" for line in example_of(kind, driver).splitlines()),
        ]
    )


def example_of(kind: str, driver: type[Driver]) -> str:
    """An entry of a configuration's `export`: the driver's own example, else its required settings."""
    config = dict(driver.example_configuration) or {
        name: f"<{_kind_of(field)}>"
        for name, field in configuration_of(driver).model_fields.items()
        if field.is_required()
    }
    entry: dict[str, Any] = {"type": kind, **({"config": config} if config else {})}
    return yaml.safe_dump({kind.rpartition("/")[0] or "driver": entry}, sort_keys=False, allow_unicode=True)


def _settings_of(driver: type[Driver]) -> Iterator[tuple[str, str, str]]:
    """The name, kind and default of each setting, required ones first; a mapping's keys follow it."""
    fields = configuration_of(driver).model_fields
    for name, field in sorted(fields.items(), key=lambda item: not item[1].is_required()):
        yield name, _kind_of(field), _default_of(field)
        for model in _models_in(field.annotation):
            for key, inner in model.model_fields.items():
                yield f"  .{inner.alias or key}", _kind_of(inner), _default_of(inner)


def _default_of(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True, validated_data={})
    if value is None or value in ("", [], {}):
        return "default: none"
    if isinstance(value, bool):
        return f"default: {str(value).lower()}"
    if isinstance(value, timedelta):
        return f"default: {format_duration(value)}"
    return f"default: {value.value if isinstance(value, Enum) else value}"


def _kind_of(field: FieldInfo) -> str:
    bounds = [
        f"{words} {format_duration(bound) if isinstance(bound, timedelta) else bound}"
        for constraint in field.metadata
        for name, words in _BOUNDS.items()
        if (bound := getattr(constraint, name, None)) is not None
    ]
    return ", ".join([_words_of(field.annotation), *bounds])


def _words_of(annotation: Any) -> str:
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _words_of(parts[0])
    if origin in (Union, UnionType):
        return " or ".join(_words_of(part) for part in parts if part is not type(None))
    if origin is Literal:
        return "one of " + ", ".join(map(str, parts))
    if origin in (list, tuple, set):
        return f"list of {_words_of(parts[0])}"
    if not inspect.isclass(annotation):
        return "mapping" if origin is dict else "any value"
    if issubclass(annotation, Enum):
        return "one of " + ", ".join(str(member.value) for member in annotation)
    if annotation in _KINDS:
        return _KINDS[annotation]
    return "mapping" if issubclass(annotation, BaseModel | Mapping) else annotation.__name__


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if inspect.isclass(annotation) and issubclass(annotation, BaseModel) and annotation not in _KINDS:
        yield annotation
    for part in get_args(annotation):
        yield from _models_in(part)
