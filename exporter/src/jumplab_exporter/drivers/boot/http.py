"""The same files by HTTP, with ranges: for boot loaders that speak it, and for a board's own system."""

import logging
import socket
from pathlib import Path

from aiohttp import web

from jumplab_exporter.drivers.boot.served_files import ServedFiles
from jumplab_exporter.drivers.boot.sockets import bound


class HttpServer:
    """Listens once `start` is called, until `close`."""

    def __init__(self, files: ServedFiles, log: "logging.Logger | logging.LoggerAdapter[logging.Logger]") -> None:
        self._files = files
        self._log = log
        application = web.Application()
        application.router.add_get("/{name:.*}", self._answer)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=0)

    async def start(self, host: str, port: int) -> int:
        """Its port. Raises OSError."""
        await self._runner.setup()
        await web.SockSite(self._runner, bound(host, port, socket.SOCK_STREAM)).start()
        return int(self._runner.addresses[0][1])

    async def close(self) -> None:
        """What is on its way is broken off."""
        await self._runner.cleanup()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["name"]
        if self._files.find(name) is None:
            self._log.warning("%s asks for %r by HTTP, which is not served", request.remote, name[:100])
            raise web.HTTPNotFound(text="there is no such file\n")
        self._log.info("%s loads %s by HTTP", request.remote, name)
        with self._files.opened(name) as (descriptor, _):
            response = web.FileResponse(Path(f"/proc/self/fd/{descriptor}"))
            response.content_type = "application/octet-stream"
            await response.prepare(request)
        return response
