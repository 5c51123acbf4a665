"""A device's network services, for asyncio."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from jumplab.driver import AsyncDriverClient
from jumplab.drivers.network.accepting import Accepting, accepted
from jumplab.drivers.network.datagrams import forwarded_datagrams
from jumplab.drivers.network.forwarding import (
    Forwarding,
    Service,
    SocketForwarding,
    forwarded,
    forwarded_socket,
)
from jumplab.drivers.network.interface import (
    ListenerInterface,
    PortsInterface,
    TcpInterface,
    UdpInterface,
    UnixInterface,
)


class AsyncTcpClient(AsyncDriverClient, TcpInterface):
    """A TCP service of the device. `open("connect")` is one connection to it, as a byte stream."""

    @asynccontextmanager
    async def forward(self, port: int = 0, host: str = "127.0.0.1") -> AsyncIterator[Forwarding]:
        """Listens on this machine while the context lasts, and joins each connection to one of the service's.

        port: 0 for any free one; what it gives says which.  Connections outlive a lost session connection; those that
        can't go on are reset, never ended as if they were complete, and the reason is logged. Raises OSError where the
        port is taken.
        """
        async with forwarded(Service.of(self), port, host) as forwarding:
            yield forwarding

    @asynccontextmanager
    async def forward_unix(self, path: str | os.PathLike[str] | None = None) -> AsyncIterator[SocketForwarding]:
        """Listens at a Unix socket of this machine while the context lasts, as `forward` does at a port.

        path: in a folder that is made, or that has mode 0700; None: in a new folder; what it gives says where.  Raises
        ValueError for a path that is too long, OSError where it can't be used.
        """
        async with forwarded_socket(Service.of(self), path) as forwarding:
            yield forwarding


class AsyncUnixClient(AsyncDriverClient, UnixInterface):
    """A service at a Unix socket of the lab host. `open("connect")` is one connection to it, as a byte stream."""

    @asynccontextmanager
    async def forward(self, port: int = 0, host: str = "127.0.0.1") -> AsyncIterator[Forwarding]:
        """Listens on this machine while the context lasts: AsyncTcpClient.forward."""
        async with forwarded(Service.of(self), port, host) as forwarding:
            yield forwarding

    @asynccontextmanager
    async def forward_unix(self, path: str | os.PathLike[str] | None = None) -> AsyncIterator[SocketForwarding]:
        """Listens at a Unix socket of this machine while the context lasts: AsyncTcpClient.forward_unix."""
        async with forwarded_socket(Service.of(self), path) as forwarding:
            yield forwarding


class AsyncUdpClient(AsyncDriverClient, UdpInterface):
    """A UDP service of the device. `open("connect")` is one port's datagrams, as messages in a byte stream."""

    @asynccontextmanager
    async def forward(self, port: int = 0, host: str = "127.0.0.1") -> AsyncIterator[Forwarding]:
        """Listens at a UDP port of this machine while the context lasts, and passes datagrams on.

        port: 0 for any free one; what it gives says which.  Each sender has a port of its own at the lab host, so that
        it gets the answers to what it has sent, until it has been silent for a minute. Where datagrams are lost with
        the session, the reason is logged. Raises OSError where the port is taken.
        """
        async with forwarded_datagrams(Service.of(self), port, host) as forwarding:
            yield forwarding


class AsyncListenerClient(AsyncDriverClient, ListenerInterface):
    """A port of the lab host that the device connects to."""

    @asynccontextmanager
    async def accept(  # type: ignore[override] # the target takes the place of the stream
        self, to: str
    ) -> AsyncIterator[Accepting]:
        """Lets the device's connections in while the context lasts, and joins each to one of its own to the target.

        to: HOST:PORT as this machine reaches it, or the path of a Unix socket from / on: the device reaches nothing
        else.  What it gives says where the device connects to. A connection that can't be led on is reset, and the
        reason is logged. Raises ValueError for what is no target, DriverFailed where the driver can't listen.
        """
        async with accepted(self, to) as accepting:
            yield accepting


class AsyncPortsClient(AsyncDriverClient, PortsInterface):
    """TCP services as the device reaches them itself. `open("connect", port=80)` is one connection to one of them."""

    @asynccontextmanager
    async def forward(self, to: int | str, port: int = 0, host: str = "127.0.0.1") -> AsyncIterator[Forwarding]:
        """Listens on this machine while the context lasts: AsyncTcpClient.forward.

        to: where to, as the device reaches it: a port of its own, or HOST:PORT.  Raises ValueError for another.
        """
        async with forwarded(Service.at(self, to), port, host) as forwarding:
            yield forwarding

    @asynccontextmanager
    async def forward_unix(
        self, to: int | str, path: str | os.PathLike[str] | None = None
    ) -> AsyncIterator[SocketForwarding]:
        """Listens at a Unix socket of this machine while the context lasts: AsyncTcpClient.forward_unix.

        to: where to, as the device reaches it: a port of its own, or HOST:PORT.  Raises ValueError for another.
        """
        async with forwarded_socket(Service.at(self, to), path) as forwarding:
            yield forwarding
