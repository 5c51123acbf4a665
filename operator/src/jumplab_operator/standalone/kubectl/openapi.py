"""OpenAPI v2 and v3, as far as kubectl needs them: the schemas of all kinds, and where their objects are."""

from __future__ import annotations

import copy

from jumplab_operator.standalone.base import errors
from jumplab_operator.standalone.base.kinds import Kind, Object
from jumplab_operator.standalone.kubectl import openapi_protobuf
from jumplab_operator.standalone.objects import builtin_schemas
from jumplab_operator.standalone.objects.registry import Registry
from jumplab_operator.standalone.storage.writer import encode

PROTOBUF = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"
_OBJECT_META = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"
_COPIED_KEYS = (
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


def index_v3(registry: Registry) -> Object:
    """`/openapi/v3`: where each version's document is."""
    found = {_root(kind, version) for kind in registry for version in kind.versions}
    return {"paths": {root[1:]: {"serverRelativeURL": f"/openapi/v3{root}"} for root in sorted(found)}}


def document_v3(registry: Registry, root: str) -> Object | None:
    """`/openapi/v3/…`, such as `api/v1`; None for a version that isn't served."""
    served = [
        (kind, version)
        for kind in registry
        for version in kind.versions.values()
        if _root(kind, version.name) == f"/{root}"
    ]
    if not served:
        return None
    schemas: Object = {_OBJECT_META: builtin_schemas.OBJECT_META}
    paths: Object = {}
    for kind, version in served:
        paths |= _paths(kind, version.name)
        schemas[_definition_name(kind, version.name)] = _definition(
            kind, version.name, copy.deepcopy(version.schema or {}), "#/components/schemas/"
        )
    info = {"title": "Jumplab", "version": "v1"}
    return {"openapi": "3.0.0", "info": info, "paths": paths, "components": {"schemas": schemas}}


def _paths(kind: Kind, version: str) -> Object:
    """The addresses of a kind's collection and of its objects, with what says which kind they are of."""
    path, about = _path(kind, version), _group_version_kind(kind, version)
    described = {"responses": {"200": {"description": "OK"}}, "x-kubernetes-group-version-kind": about}
    collection = {"post": {**described, "x-kubernetes-action": "post"}}
    if "get" not in kind.verbs:
        return {path.rpartition("/")[0]: collection}
    dry_run = {**_DRY_RUN, "schema": {"type": "string", "uniqueItems": True}}
    patch = {**described, "parameters": [dry_run], "x-kubernetes-action": "patch"}
    listed = {"get": {**described, "x-kubernetes-action": "list"}, **collection}
    return {path.rpartition("/")[0]: listed, path: {"get": {**described, "x-kubernetes-action": "get"}, "patch": patch}}


def _document(registry: Registry) -> Object:
    definitions: Object = {_OBJECT_META: _v2(builtin_schemas.OBJECT_META)}
    paths: Object = {}
    for kind in registry:
        for version in kind.versions.values():
            if "patch" in kind.verbs:
                paths[_path(kind, version.name)] = _patch_operation(kind, version.name)
            if version.schema is not None:
                name = _definition_name(kind, version.name)
                definitions[name] = _definition(kind, version.name, _v2(version.schema), "#/definitions/")
    return {
        "swagger": "2.0",
        "info": {"title": "Jumplab", "version": "v1"},
        "paths": paths,
        "definitions": definitions,
    }


def _root(kind: Kind, version: str) -> str:
    return f"/apis/{kind.group}/{version}" if kind.group else f"/api/{version}"


def _path(kind: Kind, version: str) -> str:
    scope = "/namespaces/{namespace}" if kind.namespaced else ""
    return f"{_root(kind, version)}{scope}/{kind.plural}/{{name}}"


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


def _definition(kind: Kind, version: str, schema: Object, prefix: str) -> Object:
    definition = {"type": "object", **schema}
    definition.setdefault("properties", {}).update(
        apiVersion=builtin_schemas.API_VERSION,
        kind=builtin_schemas.KIND,
        metadata={"$ref": f"{prefix}{_OBJECT_META}"},
    )
    definition["x-kubernetes-group-version-kind"] = [_group_version_kind(kind, version)]
    return definition


def _definition_name(kind: Kind, version: str) -> str:
    return ".".join([*reversed(kind.group.split(".")), version, kind.kind])


def _group_version_kind(kind: Kind, version: str) -> Object:
    return {"group": kind.group, "version": version, "kind": kind.kind}


def _v2(schema: Object) -> Object:
    """A structural schema in the words of OpenAPI v2, which can't say null, or one of two types."""
    copied = {key: schema[key] for key in _COPIED_KEYS if key in schema}
    copied.update((key, value) for key, value in schema.items() if key.startswith("x-kubernetes-"))
    if schema.get("nullable") or schema.get("x-kubernetes-int-or-string") or _is_open(schema):
        copied.pop("type", None)
        return copied
    if "properties" in schema:
        copied["properties"] = {name: _v2(child) for name, child in schema["properties"].items()}
    if isinstance(schema.get("items"), dict):
        copied["items"] = _v2(schema["items"])
    extra = schema.get("additionalProperties")
    if extra is not None:
        copied["additionalProperties"] = _v2(extra) if isinstance(extra, dict) else extra
    return copied


def _is_open(schema: Object) -> bool:
    return bool(schema.get("x-kubernetes-preserve-unknown-fields"))
