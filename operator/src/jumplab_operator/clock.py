"""The operator's clock: the time, and waiting.

The time of a process goes on by a clock that nobody sets (CLOCK_BOOTTIME). If somebody sets the clock of the machine,
the process goes on with the time of before until it takes the new one over. docs/decisions/clock.md has the reasons.
"""

import asyncio
import contextlib
import functools
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

STEP = timedelta(seconds=5)
"""A difference of this much is a clock that was set; a smaller one changes nothing that anybody would notice."""
_LOOK_EVERY = timedelta(seconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class Clock(Protocol):
    """The time, and waiting."""

    def now(self) -> datetime: ...

    async def sleep(self, length: timedelta) -> None: ...

    async def wait(self, event: asyncio.Event, at_most: timedelta) -> None:
        """Returns once the event is set, or when so much time has passed."""
        ...


class MachineTime:
    """The machine's time as it was taken over last, and the seconds since, those of a suspended machine included."""

    def __init__(self) -> None:
        self.take_over()

    def take_over(self) -> None:
        """Go by the machine's clock as it is set now."""
        self._booted_at = _booted_at()

    def now(self) -> datetime:
        return self._booted_at + _since_boot()

    def step(self) -> timedelta:
        """How far the machine's clock was set forward since it was taken over; negative: back."""
        return _booted_at() - self._booted_at

    def setting(self) -> "ClockSetting":
        """How the clock is set that this time goes by."""
        return ClockSetting(_boot_id(), round((self._booted_at - _EPOCH).total_seconds()))


@dataclass(frozen=True, slots=True)
class ClockSetting:
    """How a machine's clock is set, as what is stored with moments of it. boot: names the boot of the machine.

    Two settings of one boot differ by how far the clock was set meanwhile. Nothing is known across a boot.
    """

    boot: str
    booted_at_seconds: int

    @classmethod
    def read(cls, text: str) -> "ClockSetting | None":
        """A setting as `str` gave it; None for a text that is none."""
        boot, _, seconds = text.partition("/")
        return cls(boot, int(seconds)) if boot and seconds.isascii() and seconds.isdecimal() else None

    def __str__(self) -> str:
        return f"{self.boot}/{self.booted_at_seconds}"

    def step_from(self, earlier: "ClockSetting | None") -> timedelta:
        """How far the clock was set since; zero where it wasn't, or where that can't be known."""
        if earlier is None or earlier.boot != self.boot:
            return timedelta(0)
        step = timedelta(seconds=self.booted_at_seconds - earlier.booted_at_seconds)
        return step if abs(step) >= STEP else timedelta(0)


def _since_boot() -> timedelta:
    return timedelta(seconds=time.clock_gettime(time.CLOCK_BOOTTIME))


def _booted_at() -> datetime:
    return datetime.now(UTC) - _since_boot()


@functools.cache
def _boot_id() -> str:
    return _BOOT_ID.read_text().strip()


TIME = MachineTime()
"""The time of this process."""


def now() -> datetime:
    """The time of this process, in UTC."""
    return TIME.now()


def in_words(step: timedelta) -> str:
    """How a clock was set, such as "forward by 2:00:00"."""
    length = timedelta(seconds=round(abs(step).total_seconds()))
    return f"forward by {length}" if step > timedelta(0) else f"back by {length}"


async def until_set() -> timedelta:
    """Waits until somebody has set the machine's clock: how far forward."""
    while True:
        step = TIME.step()
        if abs(step) >= STEP:
            return step
        await asyncio.sleep(_LOOK_EVERY.total_seconds())


class SystemClock:
    """The time of this process."""

    def now(self) -> datetime:
        return now()

    async def sleep(self, length: timedelta) -> None:
        await asyncio.sleep(length.total_seconds())

    async def wait(self, event: asyncio.Event, at_most: timedelta) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(at_most.total_seconds()):
                await event.wait()
