"""A device's network services, for plain code. Generated from aio.py by `make generate`."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar

from jumplab.driver import AsyncDriverClient, DriverClient
from jumplab.drivers.network.aio import AsyncTcpClient
from jumplab.drivers.network.forwarding import PlainForwarding


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
