"""The contracts of network services: those of the device, and one that lets the device call the client's side."""

from abc import abstractmethod
from typing import ClassVar

from jumplab.driver import ByteStream, DriverInterface, stream


class TcpInterface(DriverInterface):
    """A TCP service of the device, as the lab host reaches it."""

    client: ClassVar[str] = "jumplab.drivers.network.TcpClient"

    @abstractmethod
    @stream(bulk=True)
    async def connect(self, stream: ByteStream) -> None:
        """Opens a connection of its own and joins the stream to it, until both directions have ended.

        The end of one direction is passed on as its end. What resets the connection resets the stream, and a stream
        that is cancelled or lost resets the connection: nobody takes a part for the whole. Raises ConnectionError, and
        TimeoutError where the service does not answer.
        """

    @abstractmethod
    async def address(self) -> str:
        """Which service it is, as HOST:PORT in the lab's network."""


class UnixInterface(DriverInterface):
    """A service at a Unix socket of the lab host."""

    client: ClassVar[str] = "jumplab.drivers.network.UnixClient"

    @abstractmethod
    @stream(bulk=True)
    async def connect(self, stream: ByteStream) -> None:
        """Opens a connection of its own and joins the stream to it, until both directions have ended.

        As TcpInterface.connect, but that Unix sockets know no reset: the service sees a connection that was cut as
        ended.
        """

    @abstractmethod
    async def address(self) -> str:
        """Which service it is: the path of its socket on the lab host."""


class UdpInterface(DriverInterface):
    """A UDP service of the device, as the lab host reaches it."""

    client: ClassVar[str] = "jumplab.drivers.network.UdpClient"

    @abstractmethod
    @stream
    async def connect(self, stream: ByteStream) -> None:
        """Sends datagrams from a port of its own, and returns those that come from the service, until the stream ends.

        Each datagram of 65,507 bytes at most is a message as `jumplab.drivers.network.frames` has them. As on every
        network some may be lost: those that nobody takes, and those that come faster than the stream carries them.
        Raises ConnectionError where the service has no address, ValueError for a datagram that is too long.
        """

    @abstractmethod
    async def address(self) -> str:
        """Which service it is, as HOST:PORT in the lab's network."""


class ListenerInterface(DriverInterface):
    """A port of the lab host that the device connects to, and that leads to the client's side."""

    client: ClassVar[str] = "jumplab.drivers.network.ListenerClient"

    @abstractmethod
    @stream(bulk=True)
    async def accept(self, stream: ByteStream) -> None:
        """Waits for a connection of the device, and joins the stream to it until both directions have ended.

        First come two messages as `jumplab.drivers.network.frames` has them: an empty one once connections are let in,
        and with the connection the device's HOST:PORT. Then comes what the device sends. While any stream of this
        method is open, a bounded number of connections waits; without one they are reset.

        What resets the connection resets the stream, and a stream that is cancelled or lost resets the connection.
        """

    @abstractmethod
    async def address(self) -> str:
        """Where it listens, as HOST:PORT in the network of the device."""


class PortsInterface(DriverInterface):
    """TCP services as the device reaches them itself, those that listen on its own loopback among them."""

    client: ClassVar[str] = "jumplab.drivers.network.PortsClient"

    @abstractmethod
    @stream(bulk=True)
    async def connect(self, stream: ByteStream, *, port: int, host: str = "127.0.0.1") -> None:
        """Opens a connection from the device, and joins the stream to it: TcpInterface.connect.

        host, port: where to, as the device names it. Raises ConnectionError where the device can't reach it,
        PermissionError where it forwards nothing, ValueError for what is no place.
        """
