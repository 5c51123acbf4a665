"""One operator that competes for the lead.

Its clock is CLOCK_BOOTTIME: nobody sets it, and it runs while the machine sleeps. How long the Lease of another has not
been renewed is measured from when this one first saw it so, since two machines need not agree on the time of day.
"""

import asyncio
import logging
import math
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TypeVar

from jumplab_operator.clock import Clock
from jumplab_operator.errors import ApiError, ApiUnreachable
from jumplab_operator.kube.client import KubeApi, path
from jumplab_operator.leadership import record
from jumplab_operator.leadership.record import Record

_log = logging.getLogger(__name__)

GOOD_FOR = record.DURATION - timedelta(seconds=2)
"""How long a renewal counts, from the moment of its request: for less time than the others wait."""
_LOOK_EVERY = timedelta(seconds=0.5)
_RENEW_EVERY = timedelta(seconds=2)
_ATTEMPT_SECONDS = 2.0
_T = TypeVar("_T")


def boottime() -> float:
    """Seconds of CLOCK_BOOTTIME."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Candidate:
    """Competes under a name for the Lease of a namespace.

    A name that has the Lease already leads at once: that was an earlier process of the same pod, and is dead.
    """

    def __init__(
        self, kube: KubeApi, namespace: str, name: str, clock: Clock, elapsed: Callable[[], float] = boottime
    ) -> None:
        self._kube = kube
        self._collection = path(record.LEASES, "leases", namespace)
        self._name = name
        self._clock = clock
        self._elapsed = elapsed
        self._good_until = -math.inf
        self._other: Record | None = None
        self._other_since = 0.0
        self.predecessor = ""
        """The previous leader, where it is known."""

    def leads(self) -> bool:
        """Whether it decides: the API has confirmed, lately enough, that it has the Lease."""
        return self._elapsed() < self._good_until

    async def until_leading(self) -> None:
        """Waits, without a bound: another may lead for months. Raises ApiError where it has no right to the Lease."""
        while not await self._attempt(self._acquire()):
            await self._clock.sleep(_LOOK_EVERY)

    async def until_lost(self) -> str:
        """Renews until somebody else leads: returns whom. While the API is away it tries on, and does not decide."""
        other: str | None = None
        while other is None:
            await self._clock.sleep(_RENEW_EVERY)
            led = self.leads()
            try:
                other = await self._attempt(self._renew())
            except ApiError as refused:  # an API server that has just started may not know the roles yet
                _log.warning("the leader lease can't be renewed: %s; trying again", refused)
            if led and not self.leads():
                _log.warning("this operator can't renew its leader lease; it makes no decisions until it can")
        self._good_until = -math.inf
        return other

    async def give_up(self) -> None:
        """Releases the lead, if the API can be reached."""
        self._good_until = -math.inf
        try:
            await self._attempt(self._leave())
        except ApiError as refused:
            _log.warning("the leader lease can't be released: %s; another operator waits until it has expired", refused)

    async def _attempt(self, attempt: Awaitable[_T | None]) -> _T | None:
        """The outcome of an attempt; None: the API has not answered, or somebody else wrote first. Raises ApiError."""
        try:
            async with asyncio.timeout(_ATTEMPT_SECONDS):
                return await attempt
        except TimeoutError:
            _log.warning("the Kubernetes API does not answer about the leader lease; trying again")
        except ApiUnreachable as away:
            _log.warning("%s; trying again", away)
        except ApiError as refused:
            if refused.status not in (404, 409):
                raise
        return None

    async def _acquire(self) -> bool:
        asked, seen = self._elapsed(), await self._look()
        if seen is None:
            await self._kube.create(self._collection, record.first(self._name, self._clock.now()))
        elif self._is_free(seen):
            await self._kube.merge(self._path, record.acquired(seen, self._name, self._clock.now()))
            self.predecessor = seen.holder
        else:
            return False
        self._good_until = asked + GOOD_FOR.total_seconds()
        _log.info('this operator, "%s", is the leader', self._name)
        return True

    async def _renew(self) -> str | None:
        """The leader in its place; None: it leads."""
        asked, seen = self._elapsed(), await self._look()
        if seen is None or seen.holder != self._name:
            return seen.holder if seen is not None else ""
        await self._kube.merge(self._path, record.renewed(seen, self._clock.now()))
        self._good_until = asked + GOOD_FOR.total_seconds()
        return None

    async def _leave(self) -> None:
        seen = await self._look()
        if seen is not None and seen.holder == self._name:
            await self._kube.merge(self._path, record.given_up(seen, self._clock.now()))
            _log.info('this operator, "%s", has given up the lead', self._name)

    async def _look(self) -> Record | None:
        plain = await self._kube.get(self._path)
        return record.read(plain) if plain is not None else None

    def _is_free(self, seen: Record) -> bool:
        if seen.holder in ("", self._name):
            return True
        if self._other is None or self._other.holder != seen.holder:
            _log.info('the operator "%s" is the leader; standing by', seen.holder)
        if self._other != seen:
            self._other, self._other_since = seen, self._elapsed()
        return self._elapsed() - self._other_since >= seen.duration.total_seconds()

    @property
    def _path(self) -> str:
        return f"{self._collection}/{record.NAME}"
