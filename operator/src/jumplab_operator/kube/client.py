"""The Kubernetes API in five verbs over plain objects; kubernetes.aio carries the requests.

Refusals are ApiRefused with the HTTP status (409: what was decided on has changed; reconcile again); an API server
that can't be reached is ApiUnreachable (try later).
"""

import asyncio
import json
import logging
import socket
import time
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from http import HTTPStatus
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

import aiohttp
from kubernetes.aio import client as kubernetes

from jumplab_operator.errors import ApiFull, ApiRefused, ApiUnreachable, NoSuchObject
from jumplab_operator.kube.access import KubeAccess
from jumplab_operator.resources import GROUP, VERSION

Plain = dict[str, Any]
CUSTOM = f"/apis/{GROUP}/{VERSION}"
CORE = "/api/v1"
_TIMEOUT_SECONDS = 15.0
_AWAY_PAUSE_SECONDS = 1.0
_CLOSING_SECONDS = 5.0
"""A bound that only a fault of the loop's reaches."""
_T = TypeVar("_T")
_log = logging.getLogger(__name__)


def path(group: str, plural: str, namespace: str | None = None, name: str | None = None, sub: str = "") -> str:
    """The URL path of a collection, an object, or a subresource."""
    parts = [group]
    parts += [f"namespaces/{quote(namespace)}"] if namespace else []
    parts += [plural] + ([quote(name)] if name else []) + ([sub] if sub else [])
    return "/".join(parts)


class KubeApi:
    """Requests to one API server. Tests wrap it to fail at chosen points."""

    def __init__(self, client: kubernetes.ApiClient, url: str) -> None:
        self._client = client
        self._url = url.rstrip("/")

    async def get(self, path: str) -> Plain | None:
        """The object, or None where there is none, by the API's own word."""
        try:
            return await self.request("GET", path)
        except NoSuchObject:
            return None

    async def list(self, path: str) -> list[Plain]:
        """All objects of a collection."""
        answer = await self.request("GET", path)
        return list(answer.get("items") or [])

    async def create(self, path: str, body: Mapping[str, Any]) -> Plain:
        return await self.request("POST", path, body)

    async def merge(self, path: str, body: Mapping[str, Any]) -> Plain:
        """A merge patch; with metadata.resourceVersion in it, refused (409) where the object has changed."""
        return await self.request("PATCH", path, body, "application/merge-patch+json")

    async def delete(self, path: str, uid: str | None = None) -> None:
        """Deletes what is there; with a uid, refused (409) where it is another object of that name."""
        await self.request("DELETE", path, {"preconditions": {"uid": uid}} if uid is not None else None)

    async def request(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, content_type: str = "application/json"
    ) -> Plain:
        """One request and its answer. Raises ApiError, ApiUnreachable."""
        headers = {
            "Accept": "application/json",
            "Content-Type": content_type,
            "Authorization": str(await self._client.configuration.get_api_key_with_prefix("authorization")),
        }
        begin = time.monotonic()
        try:
            answer = await self._client.rest_client.request(  # type: ignore[no-untyped-call]  # generated code
                method, self._url + path, headers=headers, body=body, _request_timeout=_TIMEOUT_SECONDS
            )
            payload = await answer.read()
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            raise ApiUnreachable(
                f"the Kubernetes API at {self._url} can't be reached: {error or type(error).__name__}"
            ) from error
        took_ms = (time.monotonic() - begin) * 1000
        _log.debug("%s %s: HTTP status %d in %.0f ms", method, path, answer.status, took_ms)
        return _answer(method, path, answer.status, payload)


def _answer(method: str, path: str, status: int, payload: bytes) -> Plain:
    try:
        answer = json.loads(payload)
    except ValueError:
        answer = {"message": payload.decode(errors="replace")[:200]}
    if 200 <= status < 300 and isinstance(answer, dict):
        return answer
    message = answer.get("message") if isinstance(answer, dict) else None
    sentence = str(message or f"{method} {path}: HTTP status {status}")
    if status == HTTPStatus.INSUFFICIENT_STORAGE:
        raise ApiFull(sentence)
    if status in (429, 500, 502, 503, 504):
        raise ApiUnreachable(sentence)
    if status == 404 and isinstance(answer, dict) and answer.get("reason") == "NotFound":
        raise NoSuchObject(sentence)
    raise ApiRefused(status, sentence)


def query(path: str, **parameters: str) -> str:
    """The path with a query string."""
    return f"{path}?{urlencode(parameters)}"


async def once_it_answers(ask: Callable[[], Awaitable[_T]]) -> _T:
    """The answer to `ask`, for a process that starts; waits without a bound, since a cluster's nodes and its API
    start in any order. Raises ApiError where the API refuses."""
    while True:
        try:
            return await ask()
        except ApiUnreachable as away:
            _log.warning("%s; trying again", away)
            await asyncio.sleep(_AWAY_PAUSE_SECONDS)


@asynccontextmanager
async def connected(access: KubeAccess) -> AsyncIterator[KubeApi]:
    """The API behind `access`, with its connections closed at the end. Raises NoKubeAccess."""
    configuration = kubernetes.Configuration(host=access.url, ca_cert_data=access.ca_pem)

    def refresh_token(it: kubernetes.Configuration) -> None:
        it.api_key["authorization"] = f"Bearer {access.token}"

    configuration.refresh_api_key_hook = refresh_token  # type: ignore[assignment]  # the generated class says None
    # Else each request looks for proxies and for a .netrc anew, in threads: that takes longer than the request.
    configuration.proxy = access.proxy
    client, sockets = kubernetes.ApiClient(configuration), _Sockets()
    rest = client.rest_client
    trust = access.trust or rest.ssl_context
    connector = aiohttp.TCPConnector(limit=rest.maxsize, ssl=trust, socket_factory=sockets.make)
    configuration.client_session_kwargs = {"trust_env": False, "connector": connector}
    try:
        yield KubeApi(client, access.url)
    finally:
        await client.close()  # type: ignore[no-untyped-call]  # generated code
        await connector.close()  # where nothing was asked, nobody else closes it
        await sockets.close()


class _Sockets:
    """The sockets of a client's connections.

    aiohttp leaves a connection whose request was cancelled to end in the background, where it waits for the API server:
    that can be beyond the end of the loop, and the socket would stay open.
    """

    def __init__(self) -> None:
        self._made: weakref.WeakSet[socket.socket] = weakref.WeakSet()

    def make(self, address: aiohttp.AddrInfoType) -> socket.socket:
        family, kind, protocol, *_ = address
        made = socket.socket(family, kind, protocol)
        self._made.add(made)
        return made

    async def close(self) -> None:
        """Returns once none is open; the API server is not waited for."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_CLOSING_SECONDS):
                while left := [each for each in self._made if each.fileno() != -1]:
                    for each in left:
                        with suppress(OSError):
                            each.shutdown(socket.SHUT_RDWR)
                    await asyncio.sleep(0.001)
