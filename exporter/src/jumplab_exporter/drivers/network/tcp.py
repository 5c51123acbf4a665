"""A TCP service that the lab host reaches."""

import asyncio

from pydantic import Field

from jumplab.driver import ByteStream, Driver
from jumplab.drivers.network import TcpInterface
from jumplab.drivers.network.joining import join
from jumplab_exporter.drivers.refusals import reason_of


class TcpService(TcpInterface, Driver):
    """A TCP service.  host, port: where it is;  timeout_seconds: how long it may take to accept a connection."""

    host: str
    port: int = Field(ge=1, le=65535)
    timeout_seconds: float = Field(default=10.0, gt=0)

    async def connect(self, stream: ByteStream) -> None:
        try:
            async with asyncio.timeout(self.timeout_seconds):
                reader, writer = await asyncio.open_connection(self.host, self.port)
        except TimeoutError as error:
            raise TimeoutError(f"{self._named} did not answer within {self.timeout_seconds:g} s") from error
        except OSError as error:
            raise ConnectionError(f"{self._named} can't be reached: {reason_of(error)}") from error
        try:
            await join(stream, reader, writer)
        except OSError as error:
            raise ConnectionResetError(f"{self._named} has reset the connection") from error

    async def address(self) -> str:
        return self._named

    @property
    def _named(self) -> str:
        return f"{self.host}:{self.port}"
