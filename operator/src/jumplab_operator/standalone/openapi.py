"""OpenAPI v2, as far as kubectl needs it: the custom resources' schemas, and where they can be patched."""

from __future__ import annotations

from jumplab_operator.standalone import errors, openapi_protobuf
from jumplab_operator.standalone.kinds import Kind, Object
from jumplab_operator.standalone.registry import Registry
from jumplab_operator.standalone.writer import encode

PROTOBUF = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"
_OBJECT_META = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"
_KEPT = (
    "description", "format", "title", "default", "maximum", "exclusiveMaximum", "minimum", "exclusiveMinimum",
    "maxLength", "minLength", "pattern", "maxItems", "minItems", "uniqueItems", "maxProperties", "minProperties",
    "required", "enum", "type",
)  # fmt: skip
_DRY_RUN = {"uniqueItems": True, "type": "string", "name": "dryRun", "in": "query",
            "description": "When present, indicates that modifications should not be persisted."}  # fmt: skip


def document(registry: Registry, accept: str) -> tuple[bytes, str]:
    """The document and its media type, in the first of the accepted ones that there is."""
    for offer in accept.split(",") if accept.strip() else ["*/*"]:
        media_type = offer.split(";")[0].strip()
        if media_type.replace("@", ".") == PROTOBUF:
            return openapi_protobuf.encode_document(_document(registry)), PROTOBUF
        if media_type in ("application/json", "application/*", "*/*"):
            return encode(_document(registry)), "application/json"
    raise errors.not_acceptable(f"application/json, {PROTOBUF}")


def _document(registry: Registry) -> Object:
    definitions: Object = {_OBJECT_META: {"type": "object", "description": "What every object's metadata has."}}
    paths: Object = {}
    for kind in registry:
        for version in kind.versions.values():
            paths[_path(kind, version.name)] = _patch_operation(kind, version.name)
            if version.schema is not None:
                definitions[_definition_name(kind, version.name)] = _definition(kind, version.name, version.schema)
    return {
        "swagger": "2.0",
        "info": {"title": "Jumplab", "version": "v1"},
        "paths": paths,
        "definitions": definitions,
    }


def _path(kind: Kind, version: str) -> str:
    root = f"/apis/{kind.group}/{version}" if kind.group else f"/api/{version}"
    scope = "/namespaces/{namespace}" if kind.namespaced else ""
    return f"{root}{scope}/{kind.plural}/{{name}}"


def _patch_operation(kind: Kind, version: str) -> Object:
    names = [{"in": "path", "name": name, "required": True, "type": "string"}
             for name in (("namespace", "name") if kind.namespaced else ("name",))]  # fmt: skip
    operation = {
        "operationId": f"patch{kind.group.title().replace('.', '')}{version.title()}{kind.kind}",
        "consumes": ["application/json-patch+json", "application/merge-patch+json"],
        "produces": ["application/json"],
        "parameters": [_DRY_RUN],
        "responses": {"200": {"description": "OK"}},
        "x-kubernetes-action": "patch",
        "x-kubernetes-group-version-kind": _group_version_kind(kind, version),
    }
    return {"patch": operation, "parameters": names}


def _definition(kind: Kind, version: str, schema: Object) -> Object:
    definition = _v2(schema)
    definition.setdefault("properties", {}).update(
        apiVersion={"type": "string"}, kind={"type": "string"},
        metadata={"$ref": f"#/definitions/{_OBJECT_META}"},
    )  # fmt: skip
    definition["x-kubernetes-group-version-kind"] = [_group_version_kind(kind, version)]
    return definition


def _definition_name(kind: Kind, version: str) -> str:
    return ".".join([*reversed(kind.group.split(".")), version, kind.kind])


def _group_version_kind(kind: Kind, version: str) -> Object:
    return {"group": kind.group, "version": version, "kind": kind.kind}


def _v2(schema: Object) -> Object:
    """A structural schema in the words of OpenAPI v2, which can't say null, or one of two types."""
    kept = {key: schema[key] for key in _KEPT if key in schema}
    kept.update((key, value) for key, value in schema.items() if key.startswith("x-kubernetes-"))
    if schema.get("nullable") or schema.get("x-kubernetes-int-or-string") or _is_open(schema):
        kept.pop("type", None)
        return kept
    if "properties" in schema:
        kept["properties"] = {name: _v2(child) for name, child in schema["properties"].items()}
    if isinstance(schema.get("items"), dict):
        kept["items"] = _v2(schema["items"])
    extra = schema.get("additionalProperties")
    if extra is not None:
        kept["additionalProperties"] = _v2(extra) if isinstance(extra, dict) else extra
    return kept


def _is_open(schema: Object) -> bool:
    return bool(schema.get("x-kubernetes-preserve-unknown-fields"))
