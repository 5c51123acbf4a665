"""A device's network services, for plain code. Generated from aio.py by `make generate`."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar

from jumplab.driver import AsyncDriverClient, DriverClient
from jumplab.drivers.network.accepting import PlainAccepting
from jumplab.drivers.network.aio import (
    AsyncListenerClient,
    AsyncPortsClient,
    AsyncTcpClient,
    AsyncUdpClient,
    AsyncUnixClient,
)
from jumplab.drivers.network.forwarding import (
    PlainForwarding,
    PlainSocketForwarding,
)


class TcpClient(DriverClient):
    """A TCP service of the device. `open("connect")` is one connection to it, as a byte stream."""

    asynchronous: ClassVar[type[AsyncDriverClient]] = AsyncTcpClient
    _twin: AsyncTcpClient

    def address(self) -> str:
        """Which service it is, as HOST:PORT in the lab's network."""
        return self._portal.run(self._twin.address())

    @contextmanager
    def forward(self, port: int = 0, host: str = "127.0.0.1") -> Iterator[PlainForwarding]:
        """Listens on this machine while the context lasts, and joins each connection to one of the service's.

        port: 0 for any free one; what it gives says which.  Connections outlive a lost session connection; those that
        can't go on are reset, never ended as if they were complete, and the reason is logged. Raises OSError where the
        port is taken.
        """
        with self._portal.entered(self._twin.forward(port, host)) as stream:
            yield PlainForwarding(stream, self._portal)

    @contextmanager
    def forward_unix(self, path: str | os.PathLike[str] | None = None) -> Iterator[PlainSocketForwarding]:
        """Listens at a Unix socket of this machine while the context lasts, as `forward` does at a port.

        path: in a folder that is made, or that has mode 0700; None: in a new folder; what it gives says where.  Raises
        ValueError for a path that is too long, OSError where it can't be used.
        """
        with self._portal.entered(self._twin.forward_unix(path)) as stream:
            yield PlainSocketForwarding(stream, self._portal)


class UnixClient(DriverClient):
    """A service at a Unix socket of the lab host. `open("connect")` is one connection to it, as a byte stream."""

    asynchronous: ClassVar[type[AsyncDriverClient]] = AsyncUnixClient
    _twin: AsyncUnixClient

    def address(self) -> str:
        """Which service it is: the path of its socket on the lab host."""
        return self._portal.run(self._twin.address())

    @contextmanager
    def forward(self, port: int = 0, host: str = "127.0.0.1") -> Iterator[PlainForwarding]:
        """Listens on this machine while the context lasts: AsyncTcpClient.forward."""
        with self._portal.entered(self._twin.forward(port, host)) as stream:
            yield PlainForwarding(stream, self._portal)

    @contextmanager
    def forward_unix(self, path: str | os.PathLike[str] | None = None) -> Iterator[PlainSocketForwarding]:
        """Listens at a Unix socket of this machine while the context lasts: AsyncTcpClient.forward_unix."""
        with self._portal.entered(self._twin.forward_unix(path)) as stream:
            yield PlainSocketForwarding(stream, self._portal)


class UdpClient(DriverClient):
    """A UDP service of the device. `open("connect")` is one port's datagrams, as messages in a byte stream."""

    asynchronous: ClassVar[type[AsyncDriverClient]] = AsyncUdpClient
    _twin: AsyncUdpClient

    def address(self) -> str:
        """Which service it is, as HOST:PORT in the lab's network."""
        return self._portal.run(self._twin.address())

    @contextmanager
    def forward(self, port: int = 0, host: str = "127.0.0.1") -> Iterator[PlainForwarding]:
        """Listens at a UDP port of this machine while the context lasts, and passes datagrams on.

        port: 0 for any free one; what it gives says which.  Each sender has a port of its own at the lab host, so that
        it gets the answers to what it has sent, until it has been silent for a minute. Where datagrams are lost with
        the session, the reason is logged. Raises OSError where the port is taken.
        """
        with self._portal.entered(self._twin.forward(port, host)) as stream:
            yield PlainForwarding(stream, self._portal)


class ListenerClient(DriverClient):
    """A port of the lab host that the device connects to."""

    asynchronous: ClassVar[type[AsyncDriverClient]] = AsyncListenerClient
    _twin: AsyncListenerClient

    def address(self) -> str:
        """Where it listens, as HOST:PORT in the network of the device."""
        return self._portal.run(self._twin.address())

    @contextmanager
    def accept(self, to: str) -> Iterator[PlainAccepting]:
        """Lets the device's connections in while the context lasts, and joins each to one of its own to the target.

        to: HOST:PORT as this machine reaches it, or the path of a Unix socket from / on: the device reaches nothing
        else.  What it gives says where the device connects to. A connection that can't be led on is reset, and the
        reason is logged. Raises ValueError for what is no target, DriverFailed where the driver can't listen.
        """
        with self._portal.entered(self._twin.accept(to)) as stream:
            yield PlainAccepting(stream, self._portal)


class PortsClient(DriverClient):
    """TCP services as the device reaches them itself. `open("connect", port=80)` is one connection to one of them."""

    asynchronous: ClassVar[type[AsyncDriverClient]] = AsyncPortsClient
    _twin: AsyncPortsClient

    @contextmanager
    def forward(self, to: int | str, port: int = 0, host: str = "127.0.0.1") -> Iterator[PlainForwarding]:
        """Listens on this machine while the context lasts: AsyncTcpClient.forward.

        to: where to, as the device reaches it: a port of its own, or HOST:PORT.  Raises ValueError for another.
        """
        with self._portal.entered(self._twin.forward(to, port, host)) as stream:
            yield PlainForwarding(stream, self._portal)

    @contextmanager
    def forward_unix(
        self, to: int | str, path: str | os.PathLike[str] | None = None
    ) -> Iterator[PlainSocketForwarding]:
        """Listens at a Unix socket of this machine while the context lasts: AsyncTcpClient.forward_unix.

        to: where to, as the device reaches it: a port of its own, or HOST:PORT.  Raises ValueError for another.
        """
        with self._portal.entered(self._twin.forward_unix(to, path)) as stream:
            yield PlainSocketForwarding(stream, self._portal)
