"""HTTP: who may ask, which module answers, and how refusals look. No rule of Kubernetes objects is decided here."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from jumplab_operator.audit import OperatorAudit
from jumplab_operator.call_rates import AsksTooOften, CallRates
from jumplab_operator.standalone.auth.auth import Gate
from jumplab_operator.standalone.base import errors
from jumplab_operator.standalone.base.errors import RequestRefused
from jumplab_operator.standalone.base.kinds import Object
from jumplab_operator.standalone.controllers.server_state import Cluster
from jumplab_operator.standalone.http.auditing import audited
from jumplab_operator.standalone.http.verbs import CLIENT_LIMIT_BYTES, USER, Verbs
from jumplab_operator.standalone.kubectl import discovery, openapi
from jumplab_operator.standalone.storage.writer import LIMIT_BYTES, encode

_OPEN_TO_ALL = ("/healthz", "/livez", "/readyz", "/version")
_VERSION = {
    "major": "1",
    "minor": "30",
    "gitVersion": "v1.30.0+jumplab",
    "gitCommit": "",
    "gitTreeState": "",
    "buildDate": "",
    "goVersion": "",
    "compiler": "",
    "platform": "",
}

log = logging.getLogger(__name__)


def application(
    cluster: Cluster, gate: Gate, identified: Callable[[asyncio.Transport | None], None], audit: OperatorAudit
) -> web.Application:
    """The web application that answers for a cluster. identified: is given each connection on which a user asks."""
    app = web.Application(
        middlewares=[audited(audit), _refusals, _entrance(gate, identified)], client_max_size=LIMIT_BYTES
    )
    documents = _Documents(cluster)
    verbs = Verbs(cluster, gate)
    for path in _OPEN_TO_ALL[:3]:
        app.router.add_get(path, _healthy)
        app.router.add_get(path + "/{check}", _healthy)
    app.router.add_get("/version", _version)
    app.router.add_get("/api", documents.core)
    app.router.add_get("/apis", documents.groups)
    app.router.add_get("/api/{version}", documents.resources)
    app.router.add_get("/apis/{group}", documents.group)
    app.router.add_get("/apis/{group}/{version}", documents.resources)
    app.router.add_get("/openapi/v2", documents.openapi_v2)
    app.router.add_get("/openapi/v3", documents.openapi_index)
    app.router.add_get("/openapi/v3/{root:.+}", documents.openapi_v3)
    app.router.add_route("*", "/{path:apis?/.+}", verbs.answer)
    return app


def json_answer(value: Object, code: int = 200) -> web.Response:
    return web.Response(body=encode(value), status=code, content_type="application/json")


class _Documents:
    """Discovery and OpenAPI."""

    def __init__(self, cluster: Cluster) -> None:
        self._registry = cluster.registry

    async def core(self, request: web.Request) -> web.Response:
        return json_answer(discovery.core_versions(request.host))

    async def groups(self, _request: web.Request) -> web.Response:
        return json_answer(discovery.group_list(self._registry))

    async def group(self, request: web.Request) -> web.Response:
        return _found(discovery.group(self._registry, request.match_info["group"]))

    async def resources(self, request: web.Request) -> web.Response:
        where = request.match_info
        return _found(discovery.resource_list(self._registry, where.get("group", ""), where["version"]))

    async def openapi_v2(self, request: web.Request) -> web.Response:
        body, media_type = openapi.document(self._registry, request.headers.get("Accept", ""))
        return web.Response(body=body, headers={"Content-Type": media_type})

    async def openapi_index(self, _request: web.Request) -> web.Response:
        return json_answer(openapi.index_v3(self._registry))

    async def openapi_v3(self, request: web.Request) -> web.Response:
        return _found(openapi.document_v3(self._registry, request.match_info["root"]))


def _found(document: Object | None) -> web.Response:
    if document is None:
        raise errors.path_not_found()
    return json_answer(document)


async def _healthy(_request: web.Request) -> web.Response:
    return web.Response(text="ok")


async def _version(_request: web.Request) -> web.Response:
    return json_answer(_VERSION)


def _entrance(gate: Gate, identified: Callable[[asyncio.Transport | None], None]) -> Middleware:
    """Who is nobody stays outside, but for health and version. What a user may do with objects `Verbs` asks."""

    rates = CallRates(time.monotonic)

    @web.middleware
    async def enter(request: web.Request, handler: Handler) -> web.StreamResponse:
        _check_text(request)
        user = gate.enter(request.headers)
        if user is not None:
            request[USER] = user
            identified(request.transport)
            if user.is_bounded:
                await rates.wait(f'user "{user.name}"', _size_of(request))
        elif not request.path.startswith(_OPEN_TO_ALL):
            raise errors.unauthorized()
        coding = request.headers.get("Content-Encoding", "identity")
        if coding != "identity":
            raise errors.unsupported_media_type(
                f"bodies in the encoding {errors.brief(coding)} are not read; send it plain"
            )
        return await handler(request)

    return enter


def _check_text(request: web.Request) -> None:
    """Raises a 400 for a header that is no UTF-8: aiohttp gives it as text that can't be written, as in a refusal.

    A token that is none is nobody's, and refused as such.
    """
    for name, value in request.headers.items():
        if name.lower() == "authorization":
            continue
        try:
            value.encode()
        except UnicodeEncodeError as error:
            raise errors.bad_request(f"the header {name} is not UTF-8") from error


def _size_of(request: web.Request) -> int:
    """The bytes of the body of a bounded user's request; the most that it may have, where the request doesn't say."""
    if request.content_length is not None or not request.can_read_body:
        return request.content_length or 0
    return CLIENT_LIMIT_BYTES


@web.middleware
async def _refusals(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Every refusal is a Status; what nobody foresaw is logged and told as a 500."""
    try:
        return await handler(request)
    except RequestRefused as error:
        return json_answer(error.status(), error.code)
    except AsksTooOften as error:
        answer = json_answer(errors.too_many_requests(str(error)).status(), 429)
        answer.headers["Retry-After"] = str(error.seconds)
        return answer
    except web.HTTPRequestEntityTooLarge:
        refusal = errors.too_large(LIMIT_BYTES)
    except web.HTTPMethodNotAllowed:
        refusal = errors.method_not_allowed()
    except web.HTTPNotFound:
        refusal = errors.path_not_found()
    except (ConnectionError, web.HTTPException):
        raise
    except Exception as error:
        log.exception("%s %s failed", request.method, request.path)
        refusal = errors.internal(f"{type(error).__name__}; the server's log has the traceback")
    return json_answer(refusal.status(), refusal.code)
