"""A device's network services."""

from jumplab.drivers.network.aio import (
    AsyncListenerClient,
    AsyncPortsClient,
    AsyncTcpClient,
    AsyncUdpClient,
    AsyncUnixClient,
)
from jumplab.drivers.network.interface import (
    ListenerInterface,
    PortsInterface,
    TcpInterface,
    UdpInterface,
    UnixInterface,
)
from jumplab.drivers.network.plain import ListenerClient, PortsClient, TcpClient, UdpClient, UnixClient

__all__ = [
    "AsyncListenerClient",
    "AsyncPortsClient",
    "AsyncTcpClient",
    "AsyncUdpClient",
    "AsyncUnixClient",
    "ListenerClient",
    "ListenerInterface",
    "PortsClient",
    "PortsInterface",
    "TcpClient",
    "TcpInterface",
    "UdpClient",
    "UdpInterface",
    "UnixClient",
    "UnixInterface",
]
