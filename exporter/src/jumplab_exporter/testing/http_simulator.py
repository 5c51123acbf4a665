"""Devices with an HTTP interface, simulated on this machine."""

import base64
import hashlib
import secrets
import ssl
from abc import abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from aiohttp import web
from aiohttp.web_log import AccessLogger
from yarl import URL

from jumplab_exporter.testing.background import InBackground


class HttpSimulator(InBackground):
    """A device with an HTTP interface, on a free port of 127.0.0.1. Use as `with`, in plain code and in coroutines.

    tls: serves https:// with it.  requests: the method and path of each request so far, without the query.
    """

    def __init__(self, *, tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls
        self.url = ""
        self.requests: list[str] = []

    @abstractmethod
    def routes(self) -> list[web.RouteDef]:
        """What it answers to."""

    @asynccontextmanager
    async def _serving(self) -> AsyncIterator[None]:
        application = web.Application(middlewares=[self._counted])
        application.add_routes(self.routes())
        runner = web.AppRunner(application, access_log_class=AccessLogger, access_log=None, shutdown_timeout=0)
        await runner.setup()
        try:
            site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=self._tls)
            await site.start()
            port = runner.addresses[0][1]
            self.url = str(URL.build(scheme="https" if self._tls else "http", host="127.0.0.1", port=port))
            yield
        finally:
            await runner.cleanup()

    @web.middleware
    async def _counted(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        self.requests.append(f"{request.method} {request.path}")
        return await handler(request)


def has_basic(request: web.Request, user: str, password: str) -> bool:
    """Whether a request has these credentials (RFC 7617)."""
    expected = base64.b64encode(f"{user}:{password}".encode()).decode()
    return request.headers.get("Authorization", "") == f"Basic {expected}"


class DigestGuard:
    """A user and a password by digest authentication with SHA-256 (RFC 7616); a nonce counts once.

    password: may be changed; the next request needs the new one.
    """

    def __init__(self, user: str, password: str, realm: str) -> None:
        self._user = user
        self.password = password
        self._realm = realm
        self._nonces: set[str] = set()

    def admits(self, request: web.Request) -> bool:
        """Whether a request has the credentials, as answer to a challenge."""
        scheme, _, rest = request.headers.get("Authorization", "").partition(" ")
        if scheme != "Digest":
            return False
        said = dict(part.strip().split("=", 1) for part in rest.split(",") if "=" in part)
        said = {key: value.strip('"') for key, value in said.items()}
        nonce = said.get("nonce", "")
        if nonce not in self._nonces or said.get("uri") != request.raw_path:
            return False
        self._nonces.remove(nonce)
        user = _sha256(f"{self._user}:{self._realm}:{self.password}")
        what = _sha256(f"{request.method}:{request.raw_path}")
        return said.get("response") == _sha256(
            f"{user}:{nonce}:{said.get('nc')}:{said.get('cnonce')}:{said.get('qop')}:{what}"
        )

    def challenge(self) -> web.Response:
        """The refusal of a request without them."""
        nonce = secrets.token_hex(8)
        self._nonces.add(nonce)
        asked = f'Digest qop="auth", realm="{self._realm}", nonce="{nonce}", algorithm=SHA-256'
        return web.Response(status=401, headers={"WWW-Authenticate": asked})


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
