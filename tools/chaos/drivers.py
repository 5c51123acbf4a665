"""A driver that counts what it is made to do, on disk, so that it is known whatever dies."""

import asyncio
import os
from abc import abstractmethod
from pathlib import Path
from types import TracebackType
from typing import Self

from jumplab.driver import Driver, DriverInterface
from tools.chaos.journal import Journal


class TallyInterface(DriverInterface):
    """Does numbered things."""

    @abstractmethod
    async def run(self, lease: str, number: str, seconds: float) -> str:
        """Does the thing with this number, which takes so long, on behalf of a lease: `answer_to(number)`."""


class Tally(TallyInterface, Driver):
    """Writes down each thing that it begins.  folder: where each instance has a file of its own."""

    folder: Path

    async def __aenter__(self) -> Self:
        # Parents are set up first: what is below is not there yet.
        self._journal = Journal(self.folder / f"tally-{os.getpid()}-{os.urandom(4).hex()}.jsonl")
        self._journal.note("set up", process=os.getpid())
        return await super().__aenter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._journal.note("torn down")
        self._journal.close()
        await super().__aexit__(kind, error, traceback)

    async def run(self, lease: str, number: str, seconds: float) -> str:
        self._journal.note("run", lease=lease, number=number)
        await asyncio.sleep(seconds)
        return answer_to(number)


def answer_to(number: str) -> str:
    """What the thing with this number comes to."""
    return f"{number} is done"
