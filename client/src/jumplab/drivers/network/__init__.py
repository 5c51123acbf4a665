"""A device's network services."""

from jumplab.drivers.network.aio import AsyncListenerClient, AsyncTcpClient, AsyncUdpClient, AsyncUnixClient
from jumplab.drivers.network.interface import ListenerInterface, TcpInterface, UdpInterface, UnixInterface
from jumplab.drivers.network.plain import ListenerClient, TcpClient, UdpClient, UnixClient

__all__ = [
    "AsyncListenerClient",
    "AsyncTcpClient",
    "AsyncUdpClient",
    "AsyncUnixClient",
    "ListenerClient",
    "ListenerInterface",
    "TcpClient",
    "TcpInterface",
    "UdpClient",
    "UdpInterface",
    "UnixClient",
    "UnixInterface",
]
