"""The verbs: what a request to a collection or an object does and answers."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

from aiohttp import web

from jumplab_operator.standalone import bodies, changes, errors, listing, patches, routes
from jumplab_operator.standalone.cluster import Cluster
from jumplab_operator.standalone.kinds import NAMESPACES, Object
from jumplab_operator.standalone.presentation import Presentation
from jumplab_operator.standalone.routes import Target
from jumplab_operator.standalone.watching import serve_watch
from jumplab_operator.standalone.writer import Transaction

T = TypeVar("T")
_Verb = Callable[[web.Request, Target], Awaitable[web.StreamResponse]]


class Verbs:
    """Answers requests about objects."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._of_collections: Mapping[str, _Verb] = {
            "GET": self._list_or_watch, "POST": self._create, "DELETE": self._delete_collection,
        }  # fmt: skip
        self._of_objects: Mapping[str, _Verb] = {
            "GET": self._get, "PUT": self._update, "PATCH": self._patch, "DELETE": self._delete,
        }  # fmt: skip

    async def answer(self, request: web.Request) -> web.StreamResponse:
        target = routes.parse(request.path, self._cluster.registry)
        if not target.name and request.method in ("PUT", "PATCH"):
            raise errors.bad_request("name must be provided")
        verb = (self._of_objects if target.name else self._of_collections).get(request.method)
        if verb is None or (request.method == "DELETE" and target.subresource):
            raise errors.method_not_allowed()
        return await verb(request, target)

    async def _get(self, request: web.Request, target: Target) -> web.Response:
        if request.query.get("watch") in ("true", "1"):
            raise errors.bad_request("watch a collection, with fieldSelector=metadata.name=NAME for one object")
        body = self._cluster.reader.get(target.key)
        if body is None:
            raise errors.not_found(target.kind, target.name)
        return Presentation.asked(request, target, self._cluster.now()).answer(json.loads(body))

    async def _list_or_watch(self, request: web.Request, target: Target) -> web.StreamResponse:
        presentation = Presentation.asked(request, target, self._cluster.now())
        if request.query.get("watch") in ("true", "1"):
            return await serve_watch(request, target, self._cluster, presentation)
        page = listing.read(self._cluster.reader, target, request.query)
        return presentation.answer_list(page)

    async def _create(self, request: web.Request, target: Target) -> web.Response:
        if target.kind.namespaced and not target.namespace:
            raise errors.method_not_allowed()
        sent = bodies.admitted(target, await _body(request))
        newborn, world = self._cluster.newborn(), self._cluster.world()
        made = await self._write(request, lambda tx: changes.create(tx, target, sent, newborn, world))
        return Presentation.asked(request, target, world.now).answer(made, 201)

    async def _update(self, request: web.Request, target: Target) -> web.Response:
        sent = bodies.admitted(target, await _body(request))
        bodies.check_version_named(target, sent)
        return await self._change(request, target, lambda _old: sent)

    async def _patch(self, request: web.Request, target: Target) -> web.Response:
        media_type = request.content_type
        patches.check_offered(media_type, target.kind)
        patch = await _body(request)

        def propose(old: Object) -> Object:
            patched = patches.apply_patch(media_type, old, patch, target.kind, target.name)
            return bodies.admitted(target, patched)

        return await self._change(request, target, propose)

    async def _change(self, request: web.Request, target: Target, propose: Callable[[Object], Object]) -> web.Response:
        world = self._cluster.world()
        made = await self._write(request, lambda tx: changes.update(tx, target, propose, world))
        return Presentation.asked(request, target, world.now).answer(made)

    async def _delete(self, request: web.Request, target: Target) -> web.Response:
        options = await _delete_options(request)
        world = self._cluster.world()
        preconditions = options.get("preconditions") or {}
        last, gone = await self._write(request, lambda tx: changes.delete(tx, target, preconditions, world))
        presentation = Presentation.asked(request, target, world.now)
        if gone and target.kind is not NAMESPACES:
            return presentation.answer_status(_success(target, last))
        return presentation.answer(last)

    async def _delete_collection(self, request: web.Request, target: Target) -> web.Response:
        await _delete_options(request)
        page = listing.read(self._cluster.reader, target, request.query)
        world = self._cluster.world()
        targets = [target.of(json.loads(body)) for body in page.bodies]

        def delete_all(transaction: Transaction) -> None:
            for each in targets:
                if transaction.get(each.key) is not None:
                    changes.delete(transaction, each, {}, world)

        await self._write(request, delete_all)
        return Presentation.asked(request, target, world.now).answer_list(page)

    async def _write(self, request: web.Request, change: Callable[[Transaction], T]) -> T:
        dry_run = request.query.getall("dryRun", [])
        if dry_run not in ([], ["All"]):
            raise errors.bad_request(f'dryRun: Unsupported value: "{dry_run[0]}": supported values: "All"')

        def run(transaction: Transaction) -> T:
            transaction.dry_run = bool(dry_run)
            return change(transaction)

        return await self._cluster.write(run)


async def _body(request: web.Request) -> Any:
    media_type = request.content_type if "Content-Type" in request.headers else "application/json"
    if media_type != "application/json" and not media_type.endswith("-patch+json"):
        raise errors.unsupported_media_type(
            f"the body of the request was {media_type} - accepted media types include: application/json"
        )
    return bodies.decoded(await request.read())


async def _delete_options(request: web.Request) -> Object:
    """DeleteOptions from the body and the query; raises a 400 for what isn't offered."""
    raw = await request.read()
    options = bodies.decoded(raw) if raw else {}
    if not isinstance(options, dict):
        raise errors.bad_request("the body of a DELETE must be a DeleteOptions object")
    policy = request.query.get("propagationPolicy") or options.get("propagationPolicy") or "Background"
    if policy != "Background" or options.get("orphanDependents"):
        raise errors.bad_request(
            f'propagationPolicy "{policy}" is not offered by the standalone API; leave it out or use "Background"'
        )
    return options


def _success(target: Target, last: Object) -> Object:
    details = {"name": target.name, "kind": target.kind.plural, "uid": last["metadata"]["uid"]}
    if target.kind.group:
        details["group"] = target.kind.group
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}
