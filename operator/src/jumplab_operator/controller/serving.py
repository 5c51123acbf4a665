"""The gRPC services at one address, whose certificate can be replaced while calls go on."""

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Self

from jumplab.protocol.grpc_loading import aio
from jumplab_operator.controller.server import Certificate, listen
from jumplab_operator.errors import PortUnavailable

_NO_BOUND_SECONDS = 10.0 * 365 * 24 * 3600
"""How long a former server may stay for its calls: those of exporters and of sessions end when they end."""
_STOP_BOUND_SECONDS = 0.5
_RETRY_SECONDS = 0.01
_RETRIES = 1_000


class Serving:
    """Serves at an address from `serve` on, to the end of the context.  make: a server without a port.

    A server of gRPC has one certificate for its life, unless it calls Python from its own threads, which can deadlock
    with grpc.aio. So another one takes over the address. The former accepts nobody any more, asks its peers to make
    their next calls by another connection, and serves those that are open.
    """

    def __init__(self, make: Callable[[], aio.Server], address: str) -> None:
        self._make = make
        self._address = address
        self._current: aio.Server | None = None
        self._former: dict[aio.Server, asyncio.Task[None]] = {}
        self._tasks = asyncio.TaskGroup()

    async def __aenter__(self) -> Self:
        await self._tasks.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for ending in self._former.values():
            ending.cancel()
        servers = [*self._former, *([self._current] if self._current else [])]
        await asyncio.gather(*(server.stop(_STOP_BOUND_SECONDS) for server in servers))
        await self._tasks.__aexit__(kind, error, traceback)

    @property
    def former(self) -> int:
        """How many former servers still have calls."""
        return len(self._former)

    async def serve(self, certificate: Certificate) -> None:
        """Serves with this certificate from now on. Raises PortUnavailable."""
        former, self._current = self._current, None
        server = self._make()
        if former is None:
            listen(server, self._address, certificate)
        else:
            self._release_address(former)
            await self._take_address(server, certificate)
        await server.start()
        self._current = server

    def _release_address(self, server: aio.Server) -> None:
        ending = self._tasks.create_task(server.stop(_NO_BOUND_SECONDS), name="calls by the former certificate")
        self._former[server] = ending
        ending.add_done_callback(lambda _: self._former.pop(server, None))

    async def _take_address(self, server: aio.Server, certificate: Certificate) -> None:
        """Listens as soon as the former server has closed its socket. Raises PortUnavailable."""
        for _ in range(_RETRIES):
            await asyncio.sleep(_RETRY_SECONDS)
            try:
                listen(server, self._address, certificate)
            except PortUnavailable:
                continue
            return
        listen(server, self._address, certificate)
