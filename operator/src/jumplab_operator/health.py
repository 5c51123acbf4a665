"""The operator's endpoints for the cluster, over plain HTTP: `/livez`, `/readyz`, and `/metrics` for Prometheus.

They contain nothing that a stranger may not know, and take no input.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from jumplab_operator.errors import PortUnavailable
from jumplab_operator.http_log import HttpLog

MOST_CONNECTIONS = 64
_BACKLOG = 16
"""So many may come at once, each with a descriptor: a flood does not take those of exporters and clients."""
_STOP_BOUND_SECONDS = 1.0

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Health:
    """The answers to the probes. ready: whether exporters and clients are served, or would be if the leader ended."""

    ready: bool = False

    def stand_by(self) -> None:
        self.ready = True


@asynccontextmanager
async def answering(address: str) -> AsyncIterator[Health]:
    """Answers on `host:port` while entered; empty: nowhere. Raises PortUnavailable."""
    health = Health()
    if not address:
        yield health
        return
    host, _, port = address.rpartition(":")
    runner = web.AppRunner(
        _application(health), access_log=None, logger=HttpLog(log), shutdown_timeout=_STOP_BOUND_SECONDS
    )
    await runner.setup()
    try:
        try:
            loop = asyncio.get_running_loop()
            listening = await loop.create_server(_bounded(runner), host.strip("[]"), int(port), backlog=_BACKLOG)
        except OSError as error:
            raise PortUnavailable(f"{address} can't be listened on: {error.strerror}; choose another port") from error
        try:
            yield health
        finally:
            listening.close()
    finally:
        await runner.cleanup()


def _bounded(runner: web.AppRunner) -> Callable[[], asyncio.Protocol]:
    """Makes the protocol of a connection; of too many the oldest is closed. Whoever probes is done in a moment, and
    those who are not would take the descriptors that exporters and clients need.
    """
    server = runner.server
    assert server is not None, "it is set up"

    def make() -> asyncio.Protocol:
        if len(open_ones := server.connections) >= MOST_CONNECTIONS:
            open_ones[0].force_close()
        return server()

    return make


def _application(health: Health) -> web.Application:
    async def live(_: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def ready(_: web.Request) -> web.Response:
        return web.Response(text="ok\n") if health.ready else web.Response(text="starting or stopping\n", status=503)

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(body=generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    application = web.Application()
    application.add_routes([web.get("/livez", live), web.get("/readyz", ready), web.get("/metrics", metrics)])
    return application
