"""How answers look: the objects themselves, their metadata alone, or a Table, as the Accept header asks."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime

from aiohttp import web

from jumplab_operator.standalone.base import errors
from jumplab_operator.standalone.base.kinds import Object
from jumplab_operator.standalone.http.listing import Page
from jumplab_operator.standalone.kubectl import tables
from jumplab_operator.standalone.objects.routes import Target
from jumplab_operator.standalone.storage.writer import encode

_META = "meta.k8s.io/v1"
_SHAPES = {"": "", "table": "Table", "partialobjectmetadata": "Metadata", "partialobjectmetadatalist": "Metadata"}


@dataclass(frozen=True, slots=True)
class Presentation:
    """One request's way of seeing objects. `shape` is empty for the objects themselves."""

    target: Target
    now: datetime
    shape: str = ""
    include: str = "Metadata"

    @classmethod
    def asked(cls, request: web.Request, target: Target, now: datetime) -> Presentation:
        """What the request accepts; raises a 406 where that can't be had."""
        shape = _shape(request.headers.get("Accept", ""))
        return cls(target, now, shape, request.query.get("includeObject") or "Metadata")

    def answer(self, obj: Object, code: int = 200) -> web.Response:
        return _json(encode(self._shown(obj, obj["metadata"].get("resourceVersion", ""))), code)

    def answer_stored(self, body: bytes) -> web.Response:
        return _json(self._shown_body(body), 200)

    def answer_status(self, status: Object) -> web.Response:
        return _json(encode(status), 200)

    def answer_list(self, page: Page) -> web.Response:
        metadata: Object = {"resourceVersion": str(page.version)}
        if page.next:
            metadata["continue"] = page.next
        if page.left is not None:
            metadata["remainingItemCount"] = page.left
        if self.shape == "Table":
            table = self._table([json.loads(body) for body in page.bodies])
            return _json(encode({**table, "metadata": metadata}), 200)
        if self.shape:
            head = {"apiVersion": _META, "kind": "PartialObjectMetadataList", "metadata": metadata}
        else:
            head = {"apiVersion": self.target.api_version, "kind": self.target.kind.list_kind, "metadata": metadata}
        items = b",".join(self._shown_body(body) for body in page.bodies)
        return _json(encode(head)[:-1] + b',"items":[' + items + b"]}", 200)

    def event(self, event: str, body: bytes) -> bytes:
        """A line of a watch. What is shown as it is stored is copied: many watches send the same."""
        return _line(event, self._shown_body(body))

    def event_at(self, version: int, event: str, body: bytes) -> bytes:
        """A line of a watch whose body is an earlier one than its version."""
        obj = json.loads(body)
        obj["metadata"]["resourceVersion"] = str(version)
        return _line(event, encode(self._shown(obj, str(version))))

    def bookmark(self, version: int) -> bytes:
        metadata = {"resourceVersion": str(version), "creationTimestamp": None}
        obj: Object = {"apiVersion": self.target.api_version, "kind": self.target.kind.kind, "metadata": metadata}
        if self.shape == "Table":
            obj = {**self._table([]), "metadata": {"resourceVersion": str(version)}}
        elif self.shape:
            obj = _partial(obj)
        return encode({"type": "BOOKMARK", "object": obj}) + b"\n"

    def _shown_body(self, body: bytes) -> bytes:
        kind = self.target.kind
        if not self.shape and not kind.view and self.target.version.name == kind.storage_version:
            return body
        obj = json.loads(body)
        return encode(self._shown(obj, obj["metadata"]["resourceVersion"]))

    def _shown(self, obj: Object, version: str) -> Object:
        if self.shape == "Table":
            return {**self._table([obj]), "metadata": {"resourceVersion": version}}
        if self.shape:
            return _partial(obj)
        return self.target.shown(obj)

    def _table(self, objects: list[Object]) -> Object:
        kind, version = self.target.kind, self.target.version
        rows = [{"cells": tables.cells(kind, version, obj, self.now), **self._row_object(obj)} for obj in objects]
        columns = tables.definitions(kind, version)
        return {"kind": "Table", "apiVersion": _META, "columnDefinitions": columns, "rows": rows}

    def _row_object(self, obj: Object) -> Object:
        if self.include == "None":
            return {}
        if self.include == "Object":
            return {"object": self.target.shown(obj)}
        return {"object": _partial(obj)}


def _line(event: str, shown: bytes) -> bytes:
    return b'{"type":"' + event.encode() + b'","object":' + shown + b"}\n"


def _partial(obj: Object) -> Object:
    return {"kind": "PartialObjectMetadata", "apiVersion": _META, "metadata": obj["metadata"]}


def _shape(accept: str) -> str:
    for offer in accept.split(",") if accept.strip() else ["*/*"]:
        media_type, *parameters = (part.strip().lower() for part in offer.split(";"))
        wanted = dict(parameter.partition("=")[::2] for parameter in parameters)
        if media_type not in ("application/json", "*/*", "application/*"):
            continue
        if wanted.get("as", "") in _SHAPES and wanted.get("v", "v1") == "v1":
            return _SHAPES[wanted.get("as", "")]
    raise errors.not_acceptable("application/json")


def _json(body: bytes, code: int) -> web.Response:
    return web.Response(body=body, status=code, content_type="application/json")
