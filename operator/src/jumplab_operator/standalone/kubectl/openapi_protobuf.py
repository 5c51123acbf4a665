"""OpenAPI v2 as protobuf: the messages of gnostic's `openapi.v2`, written by hand since kubectl reads nothing else.

Each table below says for a message which JSON key goes to which field, and how it is written.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from typing import Any

from jumplab.transport.varint import varint
from jumplab_operator.standalone.base.kinds import Object

_Write = Callable[[Any], bytes]
_Fields = dict[str, tuple[int, _Write]]


def encode_document(document: Object) -> bytes:
    """An OpenAPI v2 document as the bytes of an `openapi.v2.Document`."""
    return _message(document, _DOCUMENT)


def _delimited(number: int, content: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(content)) + content


def _text(value: Any) -> bytes:
    return str(value).encode()


def _whole(value: Any) -> bytes:
    return varint(int(value))


def _double(value: Any) -> bytes:
    return struct.pack("<d", float(value))


_WIRE_TYPES: dict[_Write, int] = {_whole: 0, _double: 1}


def _field(number: int, value: Any, write: _Write) -> bytes:
    wire_type = _WIRE_TYPES.get(write)
    if wire_type is None:
        return _delimited(number, write(value))
    return varint(number << 3 | wire_type) + write(value)


def _message(value: Object, fields: _Fields, extensions: int = 0) -> bytes:
    """A message; where `extensions` names a field, keys that begin with x- go there."""
    parts = []
    for key, each in value.items():
        if key in fields:
            number, write = fields[key]
            parts += [_field(number, single, write) for single in (each if isinstance(each, list) else [each])]
        elif extensions and key.startswith("x-"):
            parts.append(_delimited(extensions, _named(key, _any(each))))
    return b"".join(parts)


def _named(name: str, content: bytes) -> bytes:
    return _delimited(1, name.encode()) + _delimited(2, content)


def _any(value: Any) -> bytes:
    return _delimited(2, json.dumps(value).encode())


def _map(number: int, write: _Write) -> _Write:
    """A JSON object as repeated (name, value)."""
    return lambda value: b"".join(_delimited(number, _named(name, write(each))) for name, each in value.items())


def _schema(value: Any) -> bytes:
    return _message(value, _SCHEMA, extensions=31)


def _schema_or_bool(value: Any) -> bytes:
    return _field(2, value, _whole) if isinstance(value, bool) else _delimited(1, _schema(value))


def _path_item(value: Any) -> bytes:
    return _message(value, {"patch": (8, _operation), "parameters": (9, _parameter)})


def _operation(value: Any) -> bytes:
    return _message(value, _OPERATION, extensions=13)


def _parameter(value: Any) -> bytes:
    number, fields = (3, _QUERY) if value["in"] == "query" else (4, _PATH)
    return _delimited(1, _delimited(2, _delimited(number, _message(value, fields))))


def _response(value: Any) -> bytes:
    return _delimited(1, _message(value, {"description": (1, _text)}))


_QUERY: _Fields = {"in": (2, _text), "description": (3, _text), "name": (4, _text), "type": (6, _text)}
_PATH: _Fields = {"required": (1, _whole), "in": (2, _text), "name": (4, _text), "type": (5, _text)}
_OPERATION: _Fields = {
    "operationId": (5, _text),
    "produces": (6, _text),
    "consumes": (7, _text),
    "parameters": (8, _parameter),
    "responses": (9, _map(1, _response)),
}
_SCHEMA: _Fields = {
    "$ref": (1, _text), "format": (2, _text), "title": (3, _text), "description": (4, _text), "default": (5, _any),
    "maximum": (7, _double), "exclusiveMaximum": (8, _whole), "minimum": (9, _double), "exclusiveMinimum": (10, _whole),
    "maxLength": (11, _whole), "minLength": (12, _whole), "pattern": (13, _text), "maxItems": (14, _whole),
    "minItems": (15, _whole), "uniqueItems": (16, _whole), "maxProperties": (17, _whole), "minProperties": (18, _whole),
    "required": (19, _text), "enum": (20, _any), "additionalProperties": (21, _schema_or_bool),
    "type": (22, lambda value: _delimited(1, _text(value))), "items": (23, lambda value: _delimited(1, _schema(value))),
    "properties": (25, _map(1, _schema)),
}  # fmt: skip
_DOCUMENT: _Fields = {
    "swagger": (1, _text),
    "info": (2, lambda value: _message(value, {"title": (1, _text), "version": (2, _text)})),
    "paths": (8, _map(2, _path_item)),
    "definitions": (9, _map(1, _schema)),
}
