"""The CustomResourceDefinitions, made from the models, so that the two can't drift.

Structural schemas (OpenAPI v3 as apiextensions.k8s.io/v1 takes it) without CEL, which kube-apiserver before 1.25
refuses. What these can't say the operator checks and tells in a condition.
"""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from jumplab_operator.resources.client import Client
from jumplab_operator.resources.exporter import Exporter
from jumplab_operator.resources.lease import Lease
from jumplab_operator.resources.metadata import GROUP, VERSION, Resource
from jumplab_operator.resources.policy import ExporterAccessPolicy

KINDS: tuple[type[Resource], ...] = (Exporter, Client, Lease, ExporterAccessPolicy)

_SHORT_NAMES = {"Exporter": "exp", "Client": "jcl", "Lease": "jl", "ExporterAccessPolicy": "eap"}
_KEPT = (
    "type",
    "format",
    "description",
    "enum",
    "pattern",
    "required",
    "minimum",
    "maximum",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "maxProperties",
)


def _column(name: str, path: str, kind: str = "string", *, wide: bool = False) -> dict[str, Any]:
    return {"name": name, "type": kind, "jsonPath": path, **({"priority": 1} if wide else {})}


def _condition_column(name: str, condition: str, field: str, *, wide: bool = False) -> dict[str, Any]:
    return _column(name, f'.status.conditions[?(@.type=="{condition}")].{field}', wide=wide)


_AGE = _column("Age", ".metadata.creationTimestamp", "date")
_COLUMNS = {
    "Exporter": [
        _column("Enabled", ".spec.enabled", "boolean"),
        _column("Status", ".status.exporterStatus"),
        _column("Lease", ".status.leaseRef.name"),
        _AGE,
        _column("Message", ".status.statusMessage", wide=True),
    ],
    "Client": [
        _column("Enabled", ".spec.enabled", "boolean"),
        _column("Token expires", ".status.tokenExpiresAt"),
        _AGE,
    ],
    "Lease": [
        _column("State", ".status.state"),
        _column("Exporter", ".status.exporterRef.name"),
        _column("Client", ".status.accepted.clientRef.name"),
        # The first that there is: a time that was, or else one that is to come.
        _column("Begin", ".status['beginTime','accepted.beginTime']"),
        _column("End", ".status['endTime','expectedEndTime','accepted.endTime']"),
        _condition_column("Message", "Ready", "message", wide=True),
    ],
    "ExporterAccessPolicy": [_condition_column("Valid", "Valid", "status"), _AGE],
}


def manifests() -> dict[str, dict[str, Any]]:
    """Each CustomResourceDefinition as a plain object, by its file's name."""
    return {f"{GROUP}_{kind.PLURAL}.yaml": custom_resource_definition(kind) for kind in KINDS}


def custom_resource_definition(kind: type[Resource]) -> dict[str, Any]:
    """The CustomResourceDefinition of one kind."""
    version = {
        "name": VERSION,
        "served": True,
        "storage": True,
        "subresources": {"status": {}},
        "additionalPrinterColumns": deepcopy(_COLUMNS[kind.KIND]),
        "schema": {"openAPIV3Schema": _root_schema(kind)},
    }
    names = {
        "kind": kind.KIND,
        "listKind": f"{kind.KIND}List",
        "plural": kind.PLURAL,
        "singular": kind.KIND.lower(),
        "shortNames": [_SHORT_NAMES[kind.KIND]],
        "categories": ["jumpstarter"],
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{kind.PLURAL}.{GROUP}"},
        "spec": {"group": GROUP, "scope": "Namespaced", "names": names, "versions": [version]},
    }


def _root_schema(kind: type[Resource]) -> dict[str, Any]:
    json_schema = kind.model_json_schema(by_alias=True)
    definitions = json_schema.get("$defs", {})
    properties = json_schema["properties"]
    schema: dict[str, Any] = {
        "type": "object",
        "description": json_schema["description"],
        "properties": {
            "apiVersion": {"type": "string", "description": "Group and version of this resource."},
            "kind": {"type": "string", "description": "Kind of this resource."},
            "metadata": {"type": "object"},  # kube-apiserver refuses anything else in it, a description too
            "spec": _spec(_structural(properties["spec"], definitions), "spec" in json_schema.get("required", ())),
            "status": _without_defaults(_structural(properties["status"], definitions)),
        },
    }
    return {**schema, "required": json_schema["required"]} if "required" in json_schema else schema


def _spec(schema: dict[str, Any], required: bool) -> dict[str, Any]:
    """A spec with defaults that may be left out is empty then, so that it has them as well."""
    has_defaults = any("default" in field for field in schema["properties"].values())
    return {**schema, "default": {}} if has_defaults and not required else schema


def _structural(node: Mapping[str, Any], definitions: Mapping[str, Any]) -> dict[str, Any]:
    """One node of pydantic's JSON schema as a structural schema: references followed, `or null` left out."""
    node = _resolved(node, definitions)
    schema: dict[str, Any] = {key: deepcopy(node[key]) for key in _KEPT if key in node}
    if node.get("default"):  # what means the same as its absence isn't written into objects
        schema["default"] = node["default"]
    if "properties" in node:
        schema["properties"] = {key: _structural(child, definitions) for key, child in node["properties"].items()}
    if isinstance(node.get("additionalProperties"), Mapping):
        schema["additionalProperties"] = _structural(node["additionalProperties"], definitions)
    if "items" in node:
        schema["items"] = _structural(node["items"], definitions)
    if schema.get("type") == "integer":
        schema["format"] = "int64"
    return schema


def _resolved(node: Mapping[str, Any], definitions: Mapping[str, Any]) -> dict[str, Any]:
    choices = [choice for choice in node.get("anyOf", ()) if choice.get("type") != "null"]
    target = choices[0] if choices else node
    if "$ref" in target:
        target = definitions[target["$ref"].rpartition("/")[2]]
    own = {key: value for key, value in node.items() if key not in ("anyOf", "$ref")}
    return {**target, **own}


def _without_defaults(schema: dict[str, Any]) -> dict[str, Any]:
    """A status says what was seen; nothing in it is assumed."""
    return {
        key: _without_defaults(value) if isinstance(value, dict) else value
        for key, value in schema.items()
        if key != "default"
    }
