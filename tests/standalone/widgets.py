"""A custom resource of the tests' own, with something of everything that our schemas use."""

from __future__ import annotations

from typing import Any

GROUP = "widgets.example.com"
CONDITIONS = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["type", "status"],
        "properties": {"type": {"type": "string"}, "status": {"type": "string"}, "reason": {"type": "string"}},
    },
}
SPEC = {
    "type": "object",
    "required": ["size"],
    "properties": {
        "size": {"type": "integer", "minimum": 1, "maximum": 10},
        "ratio": {"type": "number", "exclusiveMinimum": True, "minimum": 0},
        "colour": {"type": "string", "enum": ["red", "green"], "default": "red"},
        "code": {"type": "string", "pattern": "^[a-z]+$", "maxLength": 5, "minLength": 2},
        "tags": {"type": "array", "maxItems": 2, "items": {"type": "string"}},
        "enabled": {"type": "boolean", "default": True},
        "labels": {"type": "object", "maxProperties": 2, "additionalProperties": {"type": "string", "maxLength": 3}},
        "open": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
        "port": {"x-kubernetes-int-or-string": True},
        "maybe": {"type": "string", "nullable": True},
        "when": {"type": "string", "format": "date-time"},
        "parts": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["name"],
                "properties": {"name": {"type": "string"}, "count": {"type": "integer", "default": 1}},
            },
        },
    },
}
COLUMNS = [
    {"name": "Size", "type": "integer", "jsonPath": ".spec.size"},
    {"name": "Ready", "type": "string", "jsonPath": '.status.conditions[?(@.type=="Ready")].reason'},
    {"name": "Colour", "type": "string", "jsonPath": ".spec.colour", "priority": 1},
    {"name": "Tags", "type": "string", "jsonPath": ".spec.tags", "priority": 1},
    {"name": "Since", "type": "date", "jsonPath": ".spec.when", "priority": 1},
    {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
]


def crd(plural: str = "widgets", group: str = GROUP, **spec: Any) -> dict[str, Any]:
    """A CustomResourceDefinition with two served versions and a status subresource.

    Other tests use the same server meanwhile: two definitions may share no name, short name or category.
    """
    kind = plural.removesuffix("s").title()
    schema = {"type": "object", "properties": {"spec": SPEC, "status": status_schema()}}
    version = {"served": True, "subresources": {"status": {}}, "schema": {"openAPIV3Schema": schema}}
    versions = [
        {"name": "v1", "storage": True, "additionalPrinterColumns": COLUMNS, **version},
        {"name": "v1beta1", "storage": False, **version},
    ]
    names = {
        "plural": plural,
        "kind": kind,
        "shortNames": [plural[:3]],
        **({"categories": ["toys"]} if group == GROUP else {}),
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}"},
        "spec": {"group": group, "scope": "Namespaced", "names": names, "versions": versions, **spec},
    }


def status_schema() -> dict[str, Any]:
    return {"type": "object", "properties": {"conditions": CONDITIONS, "phase": {"type": "string"}}}


def widget(name: str = "a", **spec: Any) -> dict[str, Any]:
    """A widget that the schema accepts."""
    return {
        "apiVersion": f"{GROUP}/v1",
        "kind": "Widget",
        "metadata": {"name": name},
        "spec": {"size": 3, **spec},
    }


def labelled(name: str, **labels: str) -> dict[str, Any]:
    made = widget(name)
    made["metadata"]["labels"] = labels
    return made
