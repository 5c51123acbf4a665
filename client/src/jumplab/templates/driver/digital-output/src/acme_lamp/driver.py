"""The driver: it runs on the lab host, beside the device."""

import asyncio
from datetime import timedelta
from typing import Self

from jumplab.driver import Driver
from jumplab.drivers.digital_output import DigitalOutputInterface


class AcmeLamp(DigitalOutputInterface, Driver):
    """A lamp at a TCP port.  host, port: where it is;  timeout: for one answer."""

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

    async def set(self, active: bool) -> None:
        await self._ask("ON" if active else "OFF")
        self.log.info("switched %s", "on" if active else "off")

    async def get(self) -> bool:
        return await self._ask("STATE?") == "ON"

    async def _ask(self, request: str) -> str:
        """The device's answer to one line, over a connection of its own: the device may restart in between."""
        place = f"the device at {self.host}:{self.port}"
        try:
            async with asyncio.timeout(self.timeout.total_seconds()):
                reader, writer = await asyncio.open_connection(self.host, self.port)
                try:
                    writer.write(f"{request}\n".encode())
                    answer = (await reader.readline()).decode().strip()
                finally:
                    writer.close()
        except TimeoutError as error:
            raise TimeoutError(f"{place} did not answer {request}") from error
        except OSError as error:
            raise ConnectionError(f"{place} can't be reached; is it switched on?") from error
        state, _, value = answer.partition(" ")
        if state != "OK":
            raise ValueError(f"{place} refused {request}: {value or 'no reason given'}")
        return value
