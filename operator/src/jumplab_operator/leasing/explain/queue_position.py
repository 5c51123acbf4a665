"""Where waiting leases stand in their queue, and when their turn is expected.

Before a lease in its queue are those that a pass would serve before it and that could have one of the exporters that it
could have. One whose client has reached its quota is in nobody's way and in no queue.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeAlias

from jumplab_operator.leasing.cache.fair_order import Turns
from jumplab_operator.leasing.cache.namespace_cache import Queue, Space
from jumplab_operator.leasing.cache.pools import Pool
from jumplab_operator.leasing.cache.quotas import Holdings
from jumplab_operator.leasing.explain.blockers import in_the_way
from jumplab_operator.leasing.explain.forecast import Forecast
from jumplab_operator.leasing.explain.pending_reasons import InTheWay, in_line
from jumplab_operator.leasing.model.facts import LeaseFacts
from jumplab_operator.leasing.model.selectors import matches
from jumplab_operator.resources import LabelSelector

TOLD = 10
"""So many of each queue have their place in their status; the rest ask."""
REACH = 256
"""So many of those before them are looked at for that."""
FORESEEN = 1000
"""For so many the begin is estimated, where somebody asks for those far behind."""
_FAR = 100_000

Needed: TypeAlias = tuple[Pool, ...]
"""What each part of a lease could have."""
_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Place:
    """A waiting lease's place."""

    position: int
    """1 is next."""
    expected_begin: datetime | None
    """To the minute; None where it can't be told."""
    message: str


def places(space: Space, needed: Needed, now: datetime, most: int = TOLD, reach: int = REACH) -> Mapping[str, Place]:
    """The places of the first of those who need this, by the lease's uid, in their order.

    most: of so many of them;  reach: who has more before it is left out.
    """
    line = _Line(space, needed, now, reach)
    found: dict[str, Place] = {}
    while len(found) < most and line.position < reach and (turn := line.advance()) is not None:
        queue, lease, begin = turn
        if queue.pools == needed:
            found[lease.uid] = line.place(queue, lease, begin)
    return found


def place_of(space: Space, lease_uid: str, now: datetime) -> Place | None:
    """The place of one lease, however far behind; None where it is in no queue."""
    own = space.queue_of.get(lease_uid)
    if own is None:
        return None
    line = _Line(space, own.pools, now, _FAR)
    while (turn := line.advance()) is not None:
        queue, lease, begin = turn
        if lease.uid == lease_uid:
            return line.place(queue, lease, begin)
    return None


def awaited(space: Space, selector: LabelSelector) -> list[Needed]:
    """What leases stand in a queue for, where the selector matches some of it; what was asked for first comes first."""
    first: dict[Needed, tuple[datetime, str, str]] = {}
    for queues in space.queues.values():
        for queue in queues.values():
            if queue.satisfiable:
                first[queue.pools] = min(first.get(queue.pools, queue.leases[0]), queue.leases[0])
    matching = {uid for uid, each in space.situations.items() if matches(selector, each.exporter.labels)}
    found = [each for each in first if any(not matching.isdisjoint(pool.grants) for pool in each)]
    return sorted(found, key=lambda each: first[each])


def rival_queues(space: Space, pools: Iterable[Pool]) -> set[Queue]:
    """The queues for something that these pools have, too, and in which there is something to wait for."""
    rivals = {rival for pool in pools if pool in space.queues for rival in space.members.rivals(pool)}
    return {queue for rival in rivals for queue in space.queues[rival].values() if queue.satisfiable}


class _Line:
    """Walks along those who need something and their rivals, and gives each the exporter that it is going to have."""

    def __init__(self, space: Space, needed: Needed, now: datetime, reach: int) -> None:
        self._space = space
        self._needed = needed
        self._turns = Turns(space, rival_queues(space, needed), now)
        self._forecast = Forecast(space, now, min(reach, FORESEEN))
        self._holdings = Holdings(space)
        self._obstacles: list[InTheWay] = []
        """What is in the way of those of whom there is nothing else to be said."""
        self.position = 0

    def place(self, queue: Queue, lease: LeaseFacts, begin: datetime | None) -> Place:
        """The place of one who needs what all this is about, when it is its turn."""
        obstacles = self._obstacles
        if queue.own or not obstacles:
            obstacles = [in_the_way(self._space, lease, pool) for pool in self._needed]
        if not queue.own:
            self._obstacles = obstacles
        return Place(self.position, begin, in_line(lease, obstacles, self.position, begin))

    def advance(self) -> tuple[Queue, LeaseFacts, datetime | None] | None:
        """The next lease in line, with its queue and its expected begin; None at the end."""
        while (turn := self._turns.take()) is not None:
            queue, lease = turn
            if lease.uid in self._space.assigned:  # by the last pass: it waits no more
                got = [chosen.uid for chosen in self._space.assigned[lease.uid].exporters]
                self._holdings.give(queue.client, lease.uid, got)
                self._go_on(queue, lease, got)
            elif self._is_within_quota(queue):  # else so it is for all behind it in this queue
                self.position += 1
                given = self._give(queue, lease) if self.position <= FORESEEN else None
                self._go_on(queue, lease, given[1] if given is not None else ())
                return queue, lease, _expected_begin(lease, given[0]) if given is not None else None
        return None

    def _is_within_quota(self, queue: Queue) -> bool:
        return all(any(self._holdings.permit(queue.client, kind) for kind in pool.kinds) for pool in queue.pools)

    def _go_on(self, queue: Queue, lease: LeaseFacts, got: Sequence[str]) -> None:
        rights = [pool.grants[uid] for pool, uid in zip(queue.pools, got, strict=True)] if got else [queue.best]
        self._turns.charge(lease, rights)
        self._turns.go_on(queue)

    def _give(self, queue: Queue, lease: LeaseFacts) -> tuple[datetime, list[str]] | None:
        def permitted(pool: Pool, exporter_uid: str) -> bool:
            return self._holdings.permit(queue.client, pool.grants[exporter_uid])

        given = self._forecast.give(lease, queue.pools, permitted)
        if given is not None:
            self._holdings.give(queue.client, lease.uid, given[1])
        return given


def _expected_begin(lease: LeaseFacts, moment: datetime) -> datetime | None:
    """Rounded up to the minute: an estimate isn't better than that. None where the lease would be over by then."""
    whole = moment.replace(second=0, microsecond=0)
    begin = whole if whole == moment else whole + _MINUTE
    return begin if lease.end is None or begin < lease.end else None
