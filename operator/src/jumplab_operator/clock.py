"""The operator's clock: the time, and waiting."""

import asyncio
import contextlib
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """The time, and waiting."""

    def now(self) -> datetime: ...

    async def sleep(self, length: timedelta) -> None: ...

    async def wait(self, event: asyncio.Event, at_most: timedelta) -> None:
        """Returns once the event is set, or when so much time has passed."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    async def sleep(self, length: timedelta) -> None:
        await asyncio.sleep(length.total_seconds())

    async def wait(self, event: asyncio.Event, at_most: timedelta) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(at_most.total_seconds()):
                await event.wait()
