"""The work queue: which objects are to be reconciled, now or at a moment, and the workers that do it."""

import asyncio
import itertools
import logging
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from heapq import heappop, heappush

from jumplab_operator.clock import Clock
from jumplab_operator.errors import ApiError, ApiUnreachable, NotLeading

_log = logging.getLogger(__name__)

_FIRST_RETRY = timedelta(milliseconds=200)
_LAST_RETRY = timedelta(seconds=10)
_MANY_FAILURES = 3
_LONGEST_SLEEP = timedelta(seconds=60)
"""A wall clock that was set is noticed so late at worst."""


class WorkQueue:
    """Objects by uid. One that waits is there once; one that is being worked on is done again after.

    Patient objects come after all others: writing the pending reasons of ten thousand leases of one client must not
    delay the begin or the end of another client's lease.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._ready: asyncio.PriorityQueue[tuple[bool, int, str]] = asyncio.PriorityQueue()
        self._order = itertools.count()
        self._queued: dict[str, bool] = {}
        """Whether it is patient."""
        self._due: dict[str, tuple[datetime, bool]] = {}
        """When, and whether it is patient then."""
        self._timers: list[tuple[datetime, str]] = []
        """When what is due, the next one first; what was asked for sooner since then is there twice."""
        self._sooner = asyncio.Event()
        self._locks: dict[str, asyncio.Lock] = {}
        self._users: Counter[str] = Counter()
        self._failures: dict[str, int] = {}
        self._held_up: dict[str, bool] = {}
        """Objects that became due while a worker was at them, and whether they are patient."""
        self._awaited: defaultdict[str, list[asyncio.Future[None]]] = defaultdict(list)
        self._hurried = 0
        self._calm = asyncio.Event()
        self._calm.set()

    def add(self, uid: str, *, patient: bool = False) -> None:
        """Reconcile it as soon as may be; a patient one when there is nothing else to do."""
        if uid not in self._queued or (self._queued[uid] and not patient):
            self._queued[uid] = patient
            self._ready.put_nowait((patient, next(self._order), uid))
            if not patient:
                self._hurried += 1
                self._calm.clear()

    def add_unless_failing(self, uid: str, *, patient: bool = False) -> None:
        """The same; but what has failed again and again waits for its next try: this may come of its failing."""
        failures = self._failures.get(uid, 0)
        if failures < _MANY_FAILURES:
            self.add(uid, patient=patient)
        else:
            self.add_at(uid, self._clock.now() + _pause(failures), patient=patient)

    async def done(self, uid: str, *, patient: bool = False) -> None:
        """Reconciles it and waits for that, for as long as the caller likes; it is done even if the caller gives up.

        However many ask for it before its turn comes, it is done once. Raises ApiError where it was refused.
        """
        done = asyncio.get_running_loop().create_future()
        self._awaited[uid].append(done)
        self.add(uid, patient=patient)
        await done

    async def calm(self, at_most: timedelta) -> None:
        """Returns once nothing waits that isn't patient, or when so much time has passed."""
        await self._clock.wait(self._calm, at_most)

    def add_at(self, uid: str, moment: datetime, *, patient: bool = False) -> None:
        """Reconcile it at that moment, or at an earlier one that was asked for before."""
        known = self._due.get(uid)
        if known is None or moment < known[0]:
            self._due[uid] = moment, patient
            heappush(self._timers, (moment, uid))
            if self._timers[0][1] == uid:
                self._sooner.set()

    @asynccontextmanager
    async def holding(self, uid: str) -> AsyncIterator[None]:
        """Nobody else works on the object meanwhile."""
        lock = self._locks.setdefault(uid, asyncio.Lock())
        self._users[uid] += 1
        try:
            async with lock:
                yield
        finally:
            self._users[uid] -= 1
            if not self._users[uid]:
                del self._users[uid], self._locks[uid]
                if uid in self._held_up:
                    self.add(uid, patient=self._held_up.pop(uid))

    async def keep_time(self) -> None:
        """Adds what has become due, for ever."""
        while True:
            self._sooner.clear()
            now = self._clock.now()
            while self._timers and self._timers[0][0] <= now:
                moment, uid = heappop(self._timers)
                if uid in self._due and self._due[uid][0] == moment:
                    self.add(uid, patient=self._due.pop(uid)[1])
            pause = self._timers[0][0] - now if self._timers else _LONGEST_SLEEP
            await self._clock.wait(self._sooner, min(pause, _LONGEST_SLEEP))

    async def work(self, reconcile: Callable[[str], Awaitable[None]]) -> None:
        """Reconciles one object after another, for ever; what fails comes again later."""
        while True:
            patient, _, uid = await self._ready.get()
            if self._queued.get(uid) is not patient:
                continue  # it couldn't wait, and was done before
            self._take(uid)
            if uid in self._locks:  # no worker stands waiting for one object while others could be done
                self._held_up[uid] = patient and self._held_up.get(uid, True)
                continue
            asked = self._awaited.pop(uid, [])
            try:
                async with self.holding(uid):
                    await reconcile(uid)
                self._failures.pop(uid, None)
                _answer(asked, None)
            except ApiError as refused:
                self._refused(uid, patient, refused, asked)
            except Exception as error:  # noqa: BLE001 -- one object's failure must not stop the others; it is tried again
                _log.exception("reconciling %s failed; trying again", uid)
                self._again(uid, patient, "")
                _answer(asked, error)

    def _take(self, uid: str) -> None:
        if not self._queued.pop(uid):
            self._hurried -= 1
            if not self._hurried:
                self._calm.set()

    def _refused(self, uid: str, patient: bool, refused: ApiError, asked: list[asyncio.Future[None]]) -> None:
        why = f"{refused}; trying again" if isinstance(refused, ApiUnreachable) else f"refused: {refused}"
        is_no_news = refused.status in (404, 409) or isinstance(refused, NotLeading)
        self._again(uid, patient, "" if is_no_news else why)
        if refused.status != 409:
            _answer(asked, refused)
        elif asked:  # another has changed it: it is reconciled again, and the callers wait for that
            self._awaited[uid] += asked

    def _again(self, uid: str, patient: bool, why: str) -> None:
        failures = self._failures.get(uid, 0)
        self._failures[uid] = failures + 1
        if why and failures == 0:
            _log.warning("%s", why)
        self.add_at(uid, self._clock.now() + _pause(failures), patient=patient)


def _pause(failures: int) -> timedelta:
    pause: timedelta = _FIRST_RETRY * 2 ** min(failures, 10)
    return min(pause, _LAST_RETRY)


def _answer(asked: list[asyncio.Future[None]], error: Exception | None) -> None:
    for done in asked:
        if done.done():
            continue  # whoever asked has given up
        if error is None:
            done.set_result(None)
        else:
            done.set_exception(error)
