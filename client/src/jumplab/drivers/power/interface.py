"""The contract of a power switch."""

import asyncio
from abc import abstractmethod
from collections.abc import AsyncIterator, Mapping
from typing import ClassVar

from jumplab.driver import DriverInterface
from jumplab.driver.interface import StateCall, called
from jumplab.drivers.power.reading import PowerReading


class PowerInterface(DriverInterface):
    """Switches a device's supply. Switching to the state that it is in already does nothing."""

    client: ClassVar[str] = "jumplab.drivers.power.PowerClient"
    __states__: ClassVar[Mapping[str, StateCall]] = {"on": StateCall("on"), "off": StateCall("off")}

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
        await called(self.off)
        await asyncio.sleep(off_seconds)
        await called(self.on)

    async def measure(self) -> PowerReading:
        """One reading of the supply's meter. A supply without a meter raises NotImplementedError."""
        raise NotImplementedError("this supply has no meter, so there is nothing to read")

    async def read(self, interval_seconds: float = 1.0) -> AsyncIterator[PowerReading]:
        """Readings of the supply's meter without end: one at once, then one each interval. Raises as `measure`."""
        if not interval_seconds > 0:
            raise ValueError(f"the interval between two readings must be greater than 0 s, not {interval_seconds:g} s")
        clock = asyncio.get_running_loop().time
        while True:
            due = clock() + interval_seconds
            yield await called(self.measure)
            await asyncio.sleep(due - clock())
