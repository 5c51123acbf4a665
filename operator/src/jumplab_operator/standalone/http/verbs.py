"""The verbs: what a request to a collection or an object does and answers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

from aiohttp import web

from jumplab_operator.standalone.auth import reviews
from jumplab_operator.standalone.auth.auth import Gate
from jumplab_operator.standalone.auth.users import User
from jumplab_operator.standalone.base import errors
from jumplab_operator.standalone.base.kinds import Object
from jumplab_operator.standalone.controllers import mutations
from jumplab_operator.standalone.controllers.mutations import World
from jumplab_operator.standalone.controllers.server_state import Cluster
from jumplab_operator.standalone.http import bodies, listing, patches, selectors, write_options
from jumplab_operator.standalone.http.presentation import Presentation
from jumplab_operator.standalone.http.watch_handler import serve_watch
from jumplab_operator.standalone.objects import routes
from jumplab_operator.standalone.objects.built_in import NAMESPACES, REVIEWS
from jumplab_operator.standalone.objects.routes import Target
from jumplab_operator.standalone.storage.writer import Transaction, encode

T = TypeVar("T")
_BODY_SECONDS = 60
"""How long a request's body may take, which has 1.5 MiB at most."""
CLIENT_LIMIT_BYTES = 128 * 1024
"""Of a body from a user that is not the administrator. A larger one is read and checked in a thread, since that takes
longer than the event loop may be held (`make costs`)."""
_OF_COLLECTIONS = ("deletecollection", "list", "watch")
USER = web.RequestKey("user", User)
"""Where a request has its user."""

_Verb = Callable[[web.Request, Target], Awaitable[web.StreamResponse]]


class Verbs:
    """Answers requests about objects."""

    def __init__(self, cluster: Cluster, gate: Gate) -> None:
        self._cluster = cluster
        self._gate = gate
        self._verbs: Mapping[str, _Verb] = {
            "create": self._create, "delete": self._delete, "deletecollection": self._delete_collection,
            "get": self._get, "list": self._list, "patch": self._patch, "update": self._update, "watch": self._watch,
        }  # fmt: skip

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Answer a request for what its path names, where its user may do that."""
        target = routes.parse(request.path, self._cluster.registry)
        verb = _verb(request, target)
        act = target.act(verb)
        if verb in _OF_COLLECTIONS:
            act = replace(act, name=selectors.single_name(request.query.get("fieldSelector", "")))
        self._gate.check(request[USER], act)
        if verb not in _offered(target):
            raise errors.method_not_allowed()
        if target.subresource == "token":
            return await self._create_token(request, target)
        if target.kind in REVIEWS:
            return await self._review(request, target)
        return await self._verbs[verb](request, target)

    async def _get(self, request: web.Request, target: Target) -> web.Response:
        body = self._cluster.reader.get(target.key)
        if body is None:
            raise errors.not_found(target.kind, target.name)
        return Presentation.asked(request, target, self._cluster.now()).answer_stored(body)

    async def _list(self, request: web.Request, target: Target) -> web.Response:
        presentation = Presentation.asked(request, target, self._cluster.now())
        return presentation.answer_list(listing.read(self._cluster.reader, target, request.query))

    async def _watch(self, request: web.Request, target: Target) -> web.StreamResponse:
        if target.name:
            raise errors.bad_request("watch a collection, with fieldSelector=metadata.name=NAME for one object")
        presentation = Presentation.asked(request, target, self._cluster.now())
        is_revoked = partial(self._gate.is_revoked, request[USER])
        return await serve_watch(request, target, self._cluster, presentation, is_revoked)

    async def _review(self, request: web.Request, target: Target) -> web.Response:
        write_options.is_dry_run(request.query, "CreateOptions")  # nothing is stored, yet a wrong value is refused
        sent = await _admitted(request, target)
        return _plain(reviews.answer(self._gate, request[USER], target, sent))

    async def _create_token(self, request: web.Request, target: Target) -> web.Response:
        write_options.is_dry_run(request.query, "CreateOptions")  # as above
        sent = await _body(request)
        if not isinstance(sent, dict) or not isinstance(sent.get("spec") or {}, dict):
            raise errors.bad_request("the request's body must be a TokenRequest")
        return _plain(reviews.request_token(self._gate, target, self._cluster.find(target.key), sent))

    async def _create(self, request: web.Request, target: Target) -> web.Response:
        if target.kind.namespaced and not target.namespace:
            raise errors.method_not_allowed()
        dry_run = write_options.is_dry_run(request.query, "CreateOptions")
        sent = await _admitted(request, target)
        newborn, world = self._cluster.newborn(), self._world(request)
        made = await self._write(dry_run, lambda tx: mutations.create(tx, target, sent, newborn, world))
        return Presentation.asked(request, target, world.now).answer(made, 201)

    async def _update(self, request: web.Request, target: Target) -> web.Response:
        dry_run = write_options.is_dry_run(request.query, "UpdateOptions")
        sent = await _admitted(request, target)

        def propose(_old: Object) -> Object:
            bodies.check_version_named(target, sent)
            return sent

        return await self._change(request, target, propose, dry_run)

    async def _patch(self, request: web.Request, target: Target) -> web.Response:
        media_type = request.content_type
        patches.check_offered(media_type, target.kind)
        dry_run = write_options.is_dry_run(request.query, "PatchOptions")
        patch = await _body(request)

        def propose(old: Object) -> Object:
            patched = patches.apply_patch(media_type, old, patch, target.kind, target.name)
            return bodies.admitted(target, patched)

        return await self._change(request, target, propose, dry_run)

    async def _change(
        self, request: web.Request, target: Target, propose: Callable[[Object], Object], dry_run: bool
    ) -> web.Response:
        world = self._world(request)
        made = await self._write(dry_run, lambda tx: mutations.update(tx, target, propose, world))
        return Presentation.asked(request, target, world.now).answer(made)

    async def _delete(self, request: web.Request, target: Target) -> web.Response:
        options = write_options.delete_options(request.query, await _delete_body(request))
        world = self._world(request)
        last, gone = await self._write(
            options.dry_run, lambda tx: mutations.delete(tx, target, options.preconditions, world)
        )
        presentation = Presentation.asked(request, target, world.now)
        if gone and target.kind is not NAMESPACES:
            return presentation.answer_status(_success(target, last))
        return presentation.answer(last)

    async def _delete_collection(self, request: web.Request, target: Target) -> web.Response:
        options = write_options.delete_options(request.query, await _delete_body(request))
        page = listing.read(self._cluster.reader, target, request.query)
        world = self._world(request)
        targets = [target.of(json.loads(body)) for body in page.bodies]

        def delete_all(transaction: Transaction) -> None:
            for each in targets:
                if transaction.get(each.key) is not None:
                    mutations.delete(transaction, each, options.preconditions, world)

        await self._write(options.dry_run, delete_all)
        return Presentation.asked(request, target, world.now).answer_list(page)

    def _world(self, request: web.Request) -> World:
        """What changes on behalf of the request's user know."""
        user: User = request[USER]
        return replace(self._cluster.world(), refusal=partial(self._gate.refusal, user))

    async def _write(self, dry_run: bool, change: Callable[[Transaction], T]) -> T:
        def run(transaction: Transaction) -> T:
            transaction.dry_run = dry_run
            return change(transaction)

        return await self._cluster.write(run)


def _verb(request: web.Request, target: Target) -> str:
    """The verb that a request means; raises a 405 for a method that means none there."""
    if not target.name and request.method in ("PUT", "PATCH"):
        raise errors.bad_request("name must be provided")
    if request.method == "GET":
        watching = request.query.get("watch") in ("true", "1")
        return "watch" if watching else "get" if target.name else "list"
    if request.method == "DELETE":
        return "delete" if target.name else "deletecollection"
    if request.method == "POST" and target.name and not target.subresource:
        raise errors.method_not_allowed()
    verb = {"POST": "create", "PUT": "update", "PATCH": "patch"}.get(request.method)
    if verb is None:
        raise errors.method_not_allowed()
    return verb


def _offered(target: Target) -> tuple[str, ...]:
    if target.subresource == "status":
        return ("get", "patch", "update")
    if target.subresource:
        return next(each.verbs for each in target.kind.subresources if each.name == target.subresource)
    return target.kind.verbs


def _plain(answer: Object) -> web.Response:
    return web.Response(body=encode(answer), status=201, content_type="application/json")


async def _body(request: web.Request) -> Any:
    body = await _read(request)
    return await _beside_the_loop(body, partial(bodies.decoded, body))


async def _admitted(request: web.Request, target: Target) -> Object:
    body = await _read(request)
    return await _beside_the_loop(body, lambda: bodies.admitted(target, bodies.decoded(body)))


async def _beside_the_loop(body: bytes, work: Callable[[], T]) -> T:
    """Does the work of a large body in a thread."""
    return work() if len(body) <= CLIENT_LIMIT_BYTES else await asyncio.to_thread(work)


async def _delete_body(request: web.Request) -> bytes:
    return await _read(request) if request.can_read_body else b""


async def _read(request: web.Request) -> bytes:
    media_type = request.content_type if "Content-Type" in request.headers else "application/json"
    if media_type != "application/json" and not media_type.endswith("-patch+json"):
        raise errors.unsupported_media_type(
            f"the body of the request was {media_type} - accepted media types include: application/json"
        )
    if request[USER].is_bounded and (request.content_length or 0) > CLIENT_LIMIT_BYTES:
        raise errors.too_large(CLIENT_LIMIT_BYTES)
    try:
        async with asyncio.timeout(_BODY_SECONDS):
            body = await request.read()
    except TimeoutError as error:
        raise errors.body_too_slow(_BODY_SECONDS) from error
    if request[USER].is_bounded and len(body) > CLIENT_LIMIT_BYTES:
        raise errors.too_large(CLIENT_LIMIT_BYTES)
    return body


def _success(target: Target, last: Object) -> Object:
    details = {"name": target.name, "kind": target.kind.plural, "uid": last["metadata"]["uid"]}
    if target.kind.group:
        details["group"] = target.kind.group
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}
