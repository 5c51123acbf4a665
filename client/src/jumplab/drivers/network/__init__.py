"""A device's network services."""

from jumplab.drivers.network.aio import AsyncTcpClient, AsyncUdpClient, AsyncUnixClient
from jumplab.drivers.network.interface import TcpInterface, UdpInterface, UnixInterface
from jumplab.drivers.network.plain import TcpClient, UdpClient, UnixClient

__all__ = [
    "AsyncTcpClient",
    "AsyncUdpClient",
    "AsyncUnixClient",
    "TcpClient",
    "TcpInterface",
    "UdpClient",
    "UdpInterface",
    "UnixClient",
    "UnixInterface",
]
