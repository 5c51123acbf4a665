"""The driver: it runs on the lab host, beside the device."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Self

from jumplab.driver import Driver
from jumplab.drivers.digital_input import DigitalInputInterface, Edge


class AcmeDoor(DigitalInputInterface, Driver):
    """A door's contact at a TCP port: active is closed.  host, port: where it is;  timeout: for one answer."""

    host: str
    port: int = 7001
    timeout: timedelta = timedelta(seconds=5)

    async def __aenter__(self) -> Self:
        """Set-up, at the begin of each lease: a device that is away is told now, not in the middle of a test."""
        await super().__aenter__()
        await self.check()
        return self

    async def check(self) -> None:
        """The health check, between leases."""
        await self.get()

    async def get(self) -> bool:
        try:
            async with asyncio.timeout(self.timeout.total_seconds()), self._asked("STATE?") as answers:
                return await self._is_closed(answers)
        except TimeoutError as error:
            raise TimeoutError(f"{self._place} did not answer") from error

    async def watch(self) -> AsyncIterator[Edge]:
        """The device tells its state at once, then each change, over a connection for each watcher."""
        async with self._asked("WATCH") as answers:
            while True:
                yield Edge(await self._is_closed(answers), time.monotonic())

    @asynccontextmanager
    async def _asked(self, request: str) -> AsyncIterator[asyncio.StreamReader]:
        """The device's answers to one line."""
        try:
            reader, writer = await asyncio.open_connection(self.host, self.port)
        except OSError as error:
            raise ConnectionError(f"{self._place} can't be reached; is it switched on?") from error
        try:
            writer.write(f"{request}\n".encode())
            yield reader
        finally:
            writer.close()

    async def _is_closed(self, answers: asyncio.StreamReader) -> bool:
        state, _, value = (await answers.readline()).decode().strip().partition(" ")
        if state != "OK":
            raise ConnectionError(f"{self._place} has ended the conversation: {value or 'no reason given'}")
        return value == "CLOSED"

    @property
    def _place(self) -> str:
        return f"the device at {self.host}:{self.port}"
