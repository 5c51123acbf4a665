"""How many messages of one caller are read at a time: those that never end don't fill the memory."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

AT_ONCE = 8
SECONDS = 60.0
"""How long a message may take; it is enough for 4 MiB at 600 kbit/s."""


class MessageTurns:
    """The turns of all callers, each by a name of its own.  seconds: the bound of one turn, waiting aside."""

    def __init__(self, at_once: int = AT_ONCE, seconds: float = SECONDS) -> None:
        self._at_once = at_once
        self.seconds = seconds
        self._turns: dict[str, asyncio.Semaphore] = {}
        self._users: dict[str, int] = {}

    @asynccontextmanager
    async def reading(self, caller: str) -> AsyncIterator[None]:
        """Entered once it is the caller's turn. Raises TimeoutError where what is within takes too long."""
        turns = self._turns.setdefault(caller, asyncio.Semaphore(self._at_once))
        self._users[caller] = self._users.get(caller, 0) + 1
        try:
            async with turns, asyncio.timeout(self.seconds):
                yield
        finally:
            self._users[caller] -= 1
            if not self._users[caller]:
                del self._turns[caller], self._users[caller]
