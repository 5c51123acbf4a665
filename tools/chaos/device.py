"""A device at the end of a serial line: it speaks without a pause, and writes down what it is told and when."""

import asyncio
import os
import tty
from bisect import bisect_right
from contextlib import suppress
from types import TracebackType
from typing import Self

from tools.chaos.journal import Journal, uptime
from tools.chaos.lines import said

_TICK_SECONDS = 0.02
_BLOCK_BYTES = 1 << 14


class Device:
    """Says the lines of `tools.chaos.lines` at a speed, on a pseudo terminal that outlives who listens.

    path: the terminal.  Where nobody takes its bytes away, it waits, as flow control has it. What is typed goes to the
    journal as notes `typed`, a line each. Use as `async with`.
    """

    def __init__(self, journal: Journal, bytes_per_second: int) -> None:
        self._journal = journal
        self._bytes_per_second = bytes_per_second
        self._own, self._cable = os.openpty()
        tty.setraw(self._cable)
        os.set_blocking(self._own, False)
        self.path = os.ttyname(self._cable)
        self._said = 0
        self._times: list[float] = []
        self._ends: list[int] = []
        self._typed = b""

    async def __aenter__(self) -> Self:
        self._speaking = asyncio.create_task(self._speak(), name=f"device {self.path}")
        asyncio.get_running_loop().add_reader(self._own, self._hear)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        asyncio.get_running_loop().remove_reader(self._own)
        self._speaking.cancel()
        await asyncio.gather(self._speaking, return_exceptions=True)
        os.close(self._own)
        os.close(self._cable)

    def said_at(self, position: int) -> float:
        """When (`uptime`) the byte at this position left the device."""
        index = bisect_right(self._ends, position)
        return self._times[min(index, len(self._times) - 1)]

    async def _speak(self) -> None:
        """Without an end: it is cancelled."""
        clock = asyncio.get_running_loop().time
        due, last = 0.0, clock()
        while True:
            await asyncio.sleep(_TICK_SECONDS)
            now = clock()
            due = min(due + (now - last) * self._bytes_per_second, _BLOCK_BYTES)
            last = now
            with suppress(BlockingIOError):
                written = os.write(self._own, said(self._said, int(due)))
                due -= written
                self._said += written
                self._times.append(uptime())
                self._ends.append(self._said)

    def _hear(self) -> None:
        with suppress(BlockingIOError):
            *lines, self._typed = (self._typed + os.read(self._own, _BLOCK_BYTES)).split(b"\n")
            for line in lines:
                self._journal.note("typed", text=line.decode(errors="replace"))
