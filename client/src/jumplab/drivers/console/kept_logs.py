"""The contract of what consoles have said in one lease, kept by the exporter after it."""

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from jumplab.driver import AsyncDriverClient, ByteStream, DriverInterface, stream


@dataclass(frozen=True, slots=True)
class KeptLog:
    """The log of one console.  console: the path of its driver.  size_bytes: how much it has said until now."""

    console: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class KeptLogs:
    """The logs of a lease.  problem: why there are none, as a sentence; empty where there are some."""

    logs: list[KeptLog]
    problem: str = ""


class KeptLogsInterface(DriverInterface):
    """The output of one lease's consoles. It is no part of an exporter's own drivers."""

    client: ClassVar[str] = "jumplab.drivers.console.kept_logs.AsyncKeptLogsClient"

    @abstractmethod
    async def consoles(self) -> KeptLogs:
        """The consoles that have said something."""

    @abstractmethod
    @stream(bulk=True)
    async def read(self, stream: ByteStream, *, console: str, offset_bytes: int = 0) -> int:
        """Sends what a console has said from `offset_bytes` on until now. The result is the offset behind that.

        Refuses (ValueError) a console that has no log, and a negative offset.
        """


class AsyncKeptLogsClient(AsyncDriverClient, KeptLogsInterface):
    """The logs of one lease, for asyncio. They are `open`ed to be read."""
