"""When this process stood still: it was stopped, its machine slept, or its clock was set."""

from datetime import datetime, timedelta

from jumplab_operator.clock import Clock

_EVERY = timedelta(seconds=2)
_PAUSE = timedelta(seconds=10)
"""A look that comes this late was held up by more than a busy machine."""


class Pauses:
    """Notices pauses by the looks that did not come. Before `run` there are none."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._looked_at: datetime | None = None
        self._over_at: datetime | None = None

    def last_end(self) -> datetime | None:
        """When the last pause was over; None where there was none. True also for what runs first after a pause."""
        if self._looked_at is not None:
            now = self._clock.now()
            if not timedelta(0) <= now - self._looked_at <= _PAUSE:
                self._over_at = now
            self._looked_at = now
        return self._over_at

    async def run(self) -> None:
        """Looks every few seconds, for ever."""
        self._looked_at = self._clock.now()
        while True:
            await self._clock.sleep(_EVERY)
            self.last_end()
