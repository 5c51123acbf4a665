"""Drivers that only swallow and echo, so that what is measured is the way to them."""

from abc import abstractmethod
from collections.abc import Mapping

from jumplab.driver import ByteStream, Driver, DriverInterface, stream
from jumplab_exporter.drivers.power.virtual import VirtualPower

DONE = b"done"


class EchoInterface(DriverInterface):
    """Gives back what it gets."""

    @abstractmethod
    @stream
    async def echo(self, stream: ByteStream) -> None:
        """Sends every piece back as it comes, until the client ends its direction."""


class SinkInterface(DriverInterface):
    """Takes bytes in and forgets them."""

    @abstractmethod
    @stream(bulk=True)
    async def swallow(self, stream: ByteStream, *, size_bytes: int) -> None:
        """Answers DONE once `size_bytes` bytes have come."""


class Echo(EchoInterface, Driver):
    """Echoes within the exporter's process."""

    async def echo(self, stream: ByteStream) -> None:
        while data := await stream.receive():
            await stream.send(data)


class Sink(SinkInterface, Driver):
    """Counts what comes."""

    async def swallow(self, stream: ByteStream, *, size_bytes: int) -> None:
        left = size_bytes
        while left > 0 and (data := await stream.receive()):
            left -= len(data)
        await stream.send(DONE)


DRIVERS: Mapping[str, type[Driver]] = {"power": VirtualPower, "echo": Echo, "sink": Sink}


def board() -> dict[str, Driver]:
    """The drivers of one session."""
    return {name: driver() for name, driver in DRIVERS.items()}


def export_entries() -> dict[str, dict[str, str]]:
    """The same, as an exporter's configuration file has it."""
    return {name: {"type": f"{driver.__module__}.{driver.__qualname__}"} for name, driver in DRIVERS.items()}
