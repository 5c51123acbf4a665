"""A driver with byte streams of each kind, and clients that are attached to it."""

import asyncio
from abc import abstractmethod
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from jumplab.driver import ByteStream, Driver, DriverInterface, stream
from jumplab.session.client import Session, attach
from jumplab.session.host import SessionHost
from jumplab.transport.links import EnvelopeStream, Link
from tests.session.links import EVERYTHING, linked

SOON = 40
"""Seconds; a bound that only a hang reaches."""


class PressInterface(DriverInterface):
    """A machine with byte streams of each kind."""

    @abstractmethod
    async def press(self) -> int:
        """Presses once, when it is allowed to."""

    @abstractmethod
    @stream
    async def mirror(self, stream: ByteStream) -> int:
        """Sends back what comes, until it ends."""

    @abstractmethod
    @stream
    async def shout(self, stream: ByteStream) -> None:
        """Says much at once."""

    @abstractmethod
    @stream
    async def jam(self, stream: ByteStream) -> None:
        """Fails at the first byte."""

    @abstractmethod
    @stream
    async def hold(self, stream: ByteStream) -> None:
        """Takes nothing and says nothing."""


class Press(PressInterface, Driver):
    SHOUTED = 1 << 20

    def __init__(self) -> None:
        super().__init__()
        self.entered = asyncio.Event()
        self.done = asyncio.Event()
        self.allowed = asyncio.Semaphore(0)

    async def press(self) -> int:
        await self.allowed.acquire()
        return 1

    async def mirror(self, stream: ByteStream) -> int:
        came = 0
        while data := await stream.receive():
            came += len(data)
            await stream.send(data)
        return came

    async def shout(self, stream: ByteStream) -> None:
        await stream.send(bytes(self.SHOUTED))
        await stream.receive()

    async def jam(self, stream: ByteStream) -> None:
        await stream.receive()
        raise RuntimeError("jammed")

    async def hold(self, stream: ByteStream) -> None:
        self.entered.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.done.set()


class Counted:
    """A link that tells which streams were opened on it."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self.opened: list[int] = []

    async def open(self, number: int, *, bulk: bool = False) -> EnvelopeStream:
        self.opened.append(number)
        return await self._link.open(number, bulk=bulk)

    async def aclose(self) -> None:
        await self._link.aclose()


@asynccontextmanager
async def mirrored(host: SessionHost) -> AsyncIterator[tuple[Session, Counted]]:
    async with linked(host) as link:
        counted = Counted(link)
        async with attach(counted, classes=EVERYTHING) as session:
            yield session, counted


async def everything(stream: ByteStream, size_bytes: int) -> bytes:
    """So many bytes of a stream."""
    came = b""
    while len(came) < size_bytes:
        came += await stream.receive()
    return came
