"""A TCP service that the lab host reaches."""

import asyncio
from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field

from jumplab.driver import ByteStream, Driver
from jumplab.drivers.network import TcpInterface
from jumplab.drivers.network.joining import join
from jumplab_exporter.drivers.refusals import reason_of


class TcpService(TcpInterface, Driver):
    """A TCP service.  host, port: where it is;  timeout_seconds: how long it may take to accept a connection.

    required: a service that can't be reached between leases fails the exporter's health check. During a lease it may
    come and go: each connection finds out for itself.
    """

    example_configuration: ClassVar[Mapping[str, Any]] = {"host": "192.168.7.2", "port": 22}

    host: str
    port: int = Field(ge=1, le=65535)
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

    async def _connected(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        try:
            async with asyncio.timeout(self.timeout_seconds):
                return await asyncio.open_connection(self.host, self.port)
        except TimeoutError as error:
            raise TimeoutError(f"{self._named} did not answer within {self.timeout_seconds:g} s") from error
        except OSError as error:
            raise ConnectionError(f"{self._named} can't be reached: {reason_of(error)}") from error

    @property
    def _named(self) -> str:
        return f"{self.host}:{self.port}"
