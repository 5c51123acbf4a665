"""The operator's endpoints for the cluster, over plain HTTP: `/livez`, `/readyz`, and `/metrics` for Prometheus.

They contain nothing that a stranger may not know, and take no input.
"""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from jumplab_operator.errors import PortUnavailable
from jumplab_operator.http_log import HttpLog

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
            await web.TCPSite(runner, host.strip("[]"), int(port)).start()
        except OSError as error:
            raise PortUnavailable(f"{address} can't be listened on: {error.strerror}; choose another port") from error
        yield health
    finally:
        await runner.cleanup()


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
