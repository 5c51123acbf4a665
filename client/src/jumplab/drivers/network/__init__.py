"""A device's network services."""

from jumplab.drivers.network.aio import AsyncTcpClient
from jumplab.drivers.network.interface import TcpInterface
from jumplab.drivers.network.plain import TcpClient

__all__ = ["AsyncTcpClient", "TcpClient", "TcpInterface"]
