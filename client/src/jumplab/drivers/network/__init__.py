"""A device's network services."""

from jumplab.drivers.network.aio import AsyncTcpClient, AsyncUnixClient
from jumplab.drivers.network.interface import TcpInterface, UnixInterface
from jumplab.drivers.network.plain import TcpClient, UnixClient

__all__ = ["AsyncTcpClient", "AsyncUnixClient", "TcpClient", "TcpInterface", "UnixClient", "UnixInterface"]
