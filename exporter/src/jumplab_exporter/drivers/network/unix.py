"""A service at a Unix socket of the lab host."""

import asyncio
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator

from jumplab.drivers.network import UnixInterface
from jumplab.drivers.network.unix_sockets import require_socket_path
from jumplab_exporter.drivers.network.service import ConnectedService, Connection


def _is_absolute(path: str) -> str:
    require_socket_path(path)
    if not path.startswith("/"):
        raise ValueError("must begin with /")
    return path


class UnixService(ConnectedService, UnixInterface):
    """A service at a Unix socket.  path: of its socket;  timeout_seconds: how long it may take to accept a connection.

    required: a service that can't be reached between leases fails the exporter's health check. During a lease it may
    come and go: each connection finds out for itself.
    """

    example_configuration: ClassVar[Mapping[str, Any]] = {"path": "/run/board/qmp.sock"}

    path: Annotated[str, AfterValidator(_is_absolute)]

    @property
    def _named(self) -> str:
        return self.path

    async def _open(self) -> Connection:
        return await asyncio.open_unix_connection(self.path)
