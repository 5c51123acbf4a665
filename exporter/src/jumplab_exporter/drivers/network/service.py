"""Services that the lab host connects to."""

import asyncio
from abc import abstractmethod

from pydantic import Field

from jumplab.driver import ByteStream, Driver
from jumplab.drivers.network.joining import join
from jumplab_exporter.drivers.refusals import reason_of

Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class ConnectedService(Driver):
    """A service.  timeout_seconds: how long it may take to accept a connection.

    required: a service that can't be reached between leases fails the exporter's health check. During a lease it may
    come and go: each connection finds out for itself.
    """

    timeout_seconds: float = Field(default=10.0, gt=0)
    required: bool = False

    @property
    def has_check(self) -> bool:
        return self.required

    async def check(self) -> None:
        """Connects, and says nothing."""
        _, writer = await self._connected()
        writer.transport.abort()

    async def connect(self, stream: ByteStream) -> None:
        reader, writer = await self._connected()
        try:
            await join(stream, reader, writer)
        except OSError as error:
            raise ConnectionResetError(f"{self._named} has reset the connection") from error

    async def address(self) -> str:
        return self._named

    async def _connected(self) -> Connection:
        try:
            async with asyncio.timeout(self.timeout_seconds):
                return await self._open()
        except TimeoutError as error:
            raise TimeoutError(f"{self._named} did not answer within {self.timeout_seconds:g} s") from error
        except OSError as error:
            raise ConnectionError(f"{self._named} can't be reached: {reason_of(error)}") from error

    @property
    @abstractmethod
    def _named(self) -> str:
        """The service in sentences, and its address."""

    @abstractmethod
    async def _open(self) -> Connection:
        """A new connection. Raises OSError."""
