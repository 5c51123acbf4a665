"""A device's network services, for asyncio."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from jumplab.driver import AsyncDriverClient
from jumplab.drivers.network.forwarding import Forwarding, forwarded
from jumplab.drivers.network.interface import TcpInterface


class AsyncTcpClient(AsyncDriverClient, TcpInterface):
    """A TCP service of the device. `open("connect")` is one connection to it, as a byte stream."""

    @asynccontextmanager
    async def forward(self, port: int = 0, host: str = "127.0.0.1") -> AsyncIterator[Forwarding]:
        """Listens on this machine while the context lasts, and joins each connection to one of the service's.

        port: 0 for any free one; what it gives says which.  Connections outlive a lost session connection; those that
        can't go on are reset, never ended as if they were complete, and the reason is logged. Raises OSError where the
        port is taken.
        """
        async with forwarded(self, port, host) as forwarding:
            yield forwarding
