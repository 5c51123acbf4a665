"""A TCP service that the lab host reaches."""

import asyncio
from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field

from jumplab.drivers.network import TcpInterface
from jumplab_exporter.drivers.network.service import ConnectedService, Connection


class TcpService(ConnectedService, TcpInterface):
    """A TCP service.  host, port: where it is;  timeout_seconds: how long it may take to accept a connection.

    required: a service that can't be reached between leases fails the exporter's health check. During a lease it may
    come and go: each connection finds out for itself.
    """

    example_configuration: ClassVar[Mapping[str, Any]] = {"host": "192.168.7.2", "port": 22}

    host: str
    port: int = Field(ge=1, le=65535)

    @property
    def _named(self) -> str:
        return f"{self.host}:{self.port}"

    async def _open(self) -> Connection:
        return await asyncio.open_connection(self.host, self.port)
