"""How long to wait before trying again: exponential, with full jitter so that many peers don't come back at once."""

import asyncio
import random
from collections.abc import Awaitable, Callable


class Backoff:
    """The waits between the attempts of one connection.

    The first retry after `reset` is immediate; each further one waits a random part of 0.1 s, 0.2 s, 0.4 s … up to
    `cap_seconds`.  draw: a number in [0, 1);  sleep: waits a number of seconds.
    """

    FIRST_SECONDS = 0.1

    def __init__(
        self,
        *,
        cap_seconds: float = 5.0,
        draw: Callable[[], float] = random.random,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._cap = cap_seconds
        self._draw = draw
        self._sleep = sleep
        self._failures = 0

    def reset(self) -> None:
        """The attempt has succeeded."""
        self._failures = 0

    async def wait(self) -> None:
        """Waits before the next try. May be cancelled."""
        await self._sleep(self.next_delay())

    def next_delay(self) -> float:
        """The seconds to wait before the next try; counts as a failure."""
        failures, self._failures = self._failures, self._failures + 1
        if failures == 0:
            return 0.0
        # The exponent is bounded: a connection that fails for weeks must not overflow a float.
        ceiling = min(self._cap, self.FIRST_SECONDS * 2.0 ** min(failures - 1, 30))
        return ceiling * self._draw()
