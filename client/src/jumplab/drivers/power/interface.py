"""The contract of a power switch."""

import asyncio
from abc import abstractmethod
from typing import ClassVar

from jumplab.driver import DriverInterface


class PowerInterface(DriverInterface):
    """Switches a device's supply. Switching to the state that it is in already does nothing."""

    client: ClassVar[str] = "jumplab.drivers.power.PowerClient"

    @abstractmethod
    async def on(self) -> None:
        """Switches the supply on; returns when it is on."""

    @abstractmethod
    async def off(self) -> None:
        """Switches the supply off; returns when it is off."""

    @abstractmethod
    async def is_on(self) -> bool:
        """Whether the supply is on."""

    async def cycle(self, off_seconds: float = 1.0) -> None:
        """Switches off, waits, switches on. Cancelled while it waits, it leaves the supply off."""
        if not 0 <= off_seconds < float("inf"):
            raise ValueError(f"off_seconds must be 0 or more, not {off_seconds:g}")
        await self.off()
        await asyncio.sleep(off_seconds)
        await self.on()
