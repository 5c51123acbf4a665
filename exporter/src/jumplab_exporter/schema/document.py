"""The schema of the whole file."""

import json
from collections.abc import Iterable, Mapping
from importlib.metadata import entry_points
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from jumplab.driver import Driver
from jumplab.driver.driver import configuration_of
from jumplab_exporter.config import GroupEntry, Isolation, LocalConfig, RefEntry
from jumplab_exporter.driver_catalogue import summary_of
from jumplab_exporter.driver_factory import ENTRY_POINT_GROUP, driver_class
from jumplab_exporter.errors import DriverUnknown
from jumplab_exporter.schema.descriptions import descriptions_of, text_of
from jumplab_exporter.schema.settings import FileSchema, tidied

_PACKAGE = "jumplab-exporter"
_IMPORT_PATH = r"^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)+$"
_NAME = r"^[^\s._-][^\s.]*$"
_SET = {"type": "string", "minLength": 1}


def own_kinds() -> list[str]:
    """The driver types of the exporter's own package."""
    entries = entry_points(group=ENTRY_POINT_GROUP)
    return sorted({entry.name for entry in entries if entry.dist is not None and entry.dist.name == _PACKAGE})


def installed_kinds() -> list[str]:
    """All driver types that can be used here."""
    return [kind for kind in sorted(entry_points(group=ENTRY_POINT_GROUP).names) if _can_be_used(kind)]


def _can_be_used(kind: str) -> bool:
    try:
        driver_class(kind)
    except DriverUnknown:
        return False
    return True


def schema_text(kinds: Iterable[str]) -> str:
    """`schema_of_file` as a file has it."""
    return json.dumps(schema_of_file(kinds), indent=1, ensure_ascii=False) + "\n"


def schema_of_file(kinds: Iterable[str]) -> Mapping[str, Any]:
    """The JSON schema (draft 7) of a configuration file with drivers of these types. Raises DriverUnknown."""
    drivers = {kind: driver_class(kind) for kind in kinds}
    models: list[type[BaseModel]] = [LocalConfig, Isolation, *map(configuration_of, drivers.values())]
    references, shared = models_json_schema([(model, "validation") for model in models], schema_generator=FileSchema)
    places = {model: references[model, "validation"] for model in models}
    definitions: dict[str, Any] = shared["$defs"]
    file = definitions.pop(_name(places[LocalConfig]))
    definitions["TlsSettings"]["properties"]["caFile"] = {
        **_SET,
        "description": "A file that holds `ca`, as tokenFile.",
    }
    entries = {kind: definitions.pop(kind)["properties"] for kind in ("DriverEntry", "GroupEntry", "RefEntry")}
    own = {kind: definitions.pop(_name(places[configuration_of(driver)])) for kind, driver in drivers.items()}
    settings = {_settings_name(kind): {**own[kind], "description": text_of(drivers[kind])} for kind in drivers}
    for kind, driver in drivers.items():
        _describe(settings[_settings_name(kind)], driver)
    whole = {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "The configuration file of a Jumplab exporter",
        **_file(file),
        "$defs": {**_entries(entries, drivers, settings), **settings, **dict(sorted(definitions.items()))},
    }
    tidy: Mapping[str, Any] = tidied(whole)
    return tidy


def _name(reference: Mapping[str, Any]) -> str:
    return str(reference["$ref"]).rpartition("/")[2]


def _settings_name(kind: str) -> str:
    return f"config-of-{kind}".replace("/", "-")


def _describe(schema: dict[str, Any], driver: type[Driver]) -> None:
    words = descriptions_of(driver, schema.get("properties", {}))
    schema["properties"] = {
        name: {**setting, **({"description": words[name]} if name in words else {})}
        for name, setting in schema.get("properties", {}).items()
    }


def _file(model: dict[str, Any]) -> dict[str, Any]:
    """The file's own keys: one that names a controller, and one without."""
    properties = dict(model["properties"])
    properties["export"] = {"$ref": "#/$defs/entries-at-the-top"}
    properties["tokenFile"] = {**_SET, "description": "A file that holds the token; relative to this file."}
    controlled = [{"required": [key], "properties": {key: _SET}} for key in ("endpoint", "token", "tokenFile")]
    return {
        **model,
        "description": "Who the exporter is, where its controller is, and which drivers it has.",
        "properties": properties,
        "if": {"anyOf": controlled},
        "then": {
            "required": ["metadata", "endpoint"],
            "properties": {
                "endpoint": _SET,
                "metadata": {"type": "object", "required": ["namespace", "name"]},
            },
            "oneOf": [{"required": ["token"], "properties": {"token": _SET}}, {"required": ["tokenFile"]}],
        },
    }


def _entries(
    models: Mapping[str, Mapping[str, Any]], drivers: Mapping[str, type[Driver]], settings: Mapping[str, Any]
) -> dict[str, Any]:
    """The definitions of entries: those at the top, which may have `isolate`, and those below them."""
    types = [{"const": kind, "description": summary_of(driver)} for kind, driver in drivers.items()]
    by_type = [
        {
            "if": {"required": ["type"], "properties": {"type": {"const": kind}}},
            "then": _then(_settings_name(kind), required=bool(settings[_settings_name(kind)].get("required"))),
        }
        for kind in drivers
    ]
    isolate = {
        "anyOf": [{"type": ["boolean", "null"]}, {"$ref": "#/$defs/Isolation"}],
        "description": "Whether it runs in a process of its own.",
    }
    return {
        **_level("at-the-top", models, isolate),
        **_level("below", models, {"type": "null"}),
        "type": {
            "anyOf": [*types, {"type": "string", "pattern": _IMPORT_PATH}],
            "description": "The type of the driver: a registered name, or the import path of a class.",
        },
        "config-by-type": {"allOf": by_type},
    }


def _then(settings: str, *, required: bool) -> dict[str, Any]:
    place = {"$ref": f"#/$defs/{settings}"}
    if required:
        return {"required": ["config"], "properties": {"config": place}}
    return {"properties": {"config": {"anyOf": [{"type": "null"}, place]}}}


def _level(level: str, models: Mapping[str, Mapping[str, Any]], isolate: Mapping[str, Any]) -> dict[str, Any]:
    children = {"$ref": "#/$defs/entries-below", "description": "The drivers below it, by name."}
    driver = {
        **models["DriverEntry"],
        "type": {"$ref": "#/$defs/type"},
        "config": {"type": ["object", "null"], "description": "The settings of the driver."},
        "children": children,
        "isolate": isolate,
    }
    group = {**models["GroupEntry"], "children": children, "isolate": isolate}
    reference = {"properties": models["RefEntry"], "additionalProperties": False, "description": text_of(RefEntry)}
    return {
        f"entries-{level}": {
            "type": ["object", "null"],
            "propertyNames": {"pattern": _NAME},
            "additionalProperties": {"$ref": f"#/$defs/entry-{level}"},
        },
        f"entry-{level}": {
            "type": "object",
            "if": {"required": ["ref"]},
            "then": reference,
            "else": {
                "if": {"required": ["type"]},
                "then": {
                    "properties": driver,
                    "additionalProperties": False,
                    "allOf": [{"$ref": "#/$defs/config-by-type"}],
                },
                "else": {
                    "required": ["children"],
                    "properties": group,
                    "additionalProperties": False,
                    "description": text_of(GroupEntry),
                },
            },
        },
    }
