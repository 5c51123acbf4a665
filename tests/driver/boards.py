"""Drivers that tests of the framework use."""

import asyncio
import datetime
import threading
from abc import abstractmethod
from collections.abc import AsyncIterator, Iterator
from typing import ClassVar

from pydantic import BaseModel

from jumplab.driver import AsyncDriverClient, ByteStream, Driver, DriverClient, DriverInterface, stream


class Reading(BaseModel):
    """A value with the moment it was taken."""

    volts: float
    at: datetime.datetime


class MeterInterface(DriverInterface):
    """Measures."""

    client: ClassVar[str] = "tests.driver.boards.MeterClient"

    @abstractmethod
    async def read(self, channel: int, *, label: str = "") -> Reading:
        """One reading of a channel."""

    @abstractmethod
    def watch(self, count: int) -> AsyncIterator[int]:
        """Counts up."""

    @abstractmethod
    @stream
    async def raw(self, stream: ByteStream, *, repeat: int = 1) -> int:
        """Echoes each block `repeat` times; returns how many bytes came."""

    @abstractmethod
    async def blob(self, data: bytes) -> bytes:
        """Reverses bytes."""

    async def ping(self) -> str:
        """A default that drivers may override."""
        return "pong"


class AsyncMeterClient(AsyncDriverClient, MeterInterface):
    """A meter."""

    async def volts(self, channel: int) -> float:
        """The bare value."""
        return (await self.read(channel)).volts


class MeterClient(DriverClient):
    """A meter, for plain code."""

    asynchronous: ClassVar[type[AsyncDriverClient]] = AsyncMeterClient


class Meter(MeterInterface, Driver):
    """A meter of constants.  offset_volts: is added."""

    offset_volts: float = 0.0
    taken_at: ClassVar[datetime.datetime] = datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.UTC)
    _entered = False

    async def __aenter__(self) -> "Meter":
        self._entered = True
        return self

    async def read(self, channel: int, *, label: str = "") -> Reading:
        assert self._entered
        return Reading(volts=channel + self.offset_volts, at=self.taken_at)

    async def watch(self, count: int) -> AsyncIterator[int]:
        for number in range(count):
            yield number

    async def raw(self, stream: ByteStream, *, repeat: int = 1) -> int:
        came = 0
        while data := await stream.receive():
            came += len(data)
            await stream.send(data * repeat)
        return came

    async def blob(self, data: bytes) -> bytes:
        return data[::-1]


class BlockingInterface(DriverInterface):
    """Does its work in plain functions."""

    @abstractmethod
    async def thread(self) -> str:
        """The name of the thread it runs in."""

    @abstractmethod
    def numbers(self) -> AsyncIterator[int]:
        """Three numbers."""

    @abstractmethod
    async def hold(self) -> None:
        """Waits for `release` of the driver object."""

    @abstractmethod
    async def fail(self, kind: str) -> None:
        """Raises the built-in exception of that name."""


class Blocking(BlockingInterface, Driver):
    """Its methods are plain functions."""

    exclusive: ClassVar[bool] = True

    def __init__(self) -> None:
        super().__init__()
        self.release = threading.Event()
        self.inside = 0
        self.most_inside = 0

    def thread(self) -> str:  # type: ignore[override] # a plain implementation
        return threading.current_thread().name

    def numbers(self) -> Iterator[int]:  # type: ignore[override] # a plain implementation
        yield from (1, 2, 3)

    def hold(self) -> None:  # type: ignore[override] # a plain implementation
        self.inside += 1
        self.most_inside = max(self.most_inside, self.inside)
        self.release.wait(60)
        self.inside -= 1

    def fail(self, kind: str) -> None:  # type: ignore[override] # a plain implementation
        raise {"KeyError": KeyError, "TimeoutError": TimeoutError, "ValueError": ValueError, "OSError": OSError}[kind](
            "no such thing"
        )


class SlowInterface(DriverInterface):
    """Takes its time."""

    @abstractmethod
    async def wait(self) -> None:
        """Waits for ever."""


class Slow(SlowInterface, Driver):
    """Tells when it is entered and when it is cancelled."""

    def __init__(self) -> None:
        super().__init__()
        self.entered = asyncio.Event()
        self.cancelled = asyncio.Event()

    async def wait(self) -> None:
        self.entered.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.cancelled.set()


class Broken(SlowInterface, Driver):
    """Does not start."""

    async def __aenter__(self) -> "Broken":
        raise ConnectionError("no device at /dev/ttyUSB9; plug it in")

    async def wait(self) -> None:
        raise AssertionError("a driver that did not start is never called")
