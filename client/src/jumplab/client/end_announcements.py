"""Sentences about the end of a lease in use: warnings before it, the notice of a preemption, and why it has ended."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import aclosing
from datetime import UTC, datetime, timedelta

from jumplab.boottime import boottime
from jumplab.client.acquiring import AcquiredLease, follow
from jumplab.client.controller import Controller
from jumplab.client.errors import ClientError, LeaseEnded, LeaseNotOwn
from jumplab.client.lease_status import failure_of, foreign_to, notice_of
from jumplab.client.local_moments import format_local
from jumplab.client.views import LeaseView
from jumplab.protocol.durations import format_duration
from jumplab.transport.backoff import Backoff
from jumplab.transport.errors import TransportError

WARNINGS = (timedelta(minutes=10), timedelta(minutes=2))
"""How long before the end of a lease its user is warned."""

_JUST_TOLD = timedelta(seconds=30)
"""No warning follows that soon after the end became known."""

_SILENCE = timedelta(seconds=10)
"""How long after a lease's end a controller that is away is not waited for any more."""

_SAME_SECONDS = 2.0
"""Ends that differ by less are the same end: what is left of a lease takes its time on the way."""

_LONGEST_SLEEP_SECONDS = 30.0  # a machine may have been suspended meanwhile

Notify = Callable[[str], None]


async def announce_end(controller: Controller, acquired: AcquiredLease, notify: Notify) -> None:
    """Waits until the lease can't be used any more, and says why; before that, that it will end.

    Sets `acquired.over`.
    """
    name, announced, warning = acquired.lease.name, "", _Warning(notify, acquired.max_duration)
    last = acquired.lease
    warning.follow(last)

    def notice_silence(_: str) -> None:
        # Exporters end a lease by themselves, with or without the controller.
        if last.ends_at is not None and boottime() > last.ends_at + _SILENCE.total_seconds():
            raise LeaseEnded(f'lease "{name}" has ended: its time is over, and the controller can\'t be reached')

    try:
        async with aclosing(follow(controller, name, notify=notice_silence, backoff=Backoff(), seen=True)) as states:
            async for lease in states:
                if lease.uid != last.uid:
                    raise LeaseEnded(f'lease "{name}" has ended, and another one has its name')
                if failure := failure_of(lease):
                    raise failure
                if foreign_to(controller.client_name, lease):
                    raise LeaseNotOwn(f'lease "{name}" belongs to client "{lease.client}" now')
                last = lease
                warning.follow(lease)
                if (notice := notice_of(lease)) != announced:
                    announced = notice
                    spared = "the preemption is cancelled; the lease continues until its end"
                    notify(f'lease "{name}": {notice or spared}')
        notify(f'lease "{name}" was deleted{_time_left(last)}')
    except (ClientError, TransportError) as error:
        notify(f"{error}{_time_left(last)}")
    finally:
        warning.stop()
    acquired.over = True


class _Warning:
    """The warnings before the end of a lease, which may be moved.

    max_duration: up to this use extends the lease, by itself and in time; the first warning would not be true.
    """

    def __init__(self, notify: Notify, max_duration: timedelta | None) -> None:
        self._notify = notify
        self._max_duration = max_duration
        self._ends_at: float | None = None
        self._task: asyncio.Task[None] | None = None

    def follow(self, lease: LeaseView) -> None:
        """Takes over the lease's end, as it is expected now."""
        before, ends_at = self._ends_at, lease.ends_at
        if before is not None and ends_at is not None and abs(ends_at - before) < _SAME_SECONDS:
            return
        self.stop()
        self._ends_at = ends_at
        if ends_at is not None:
            is_earlier = before is not None and ends_at < before
            warnings = WARNINGS[1:] if self._may_be_extended(lease) else WARNINGS
            warning = self._warn(lease.name, ends_at, warnings, is_earlier=is_earlier)
            self._task = asyncio.create_task(warning, name="warnings before the lease's end")

    def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def _may_be_extended(self, lease: LeaseView) -> bool:
        if self._max_duration is None or lease.begin is None or lease.expected_end is None:
            return False
        return lease.expected_end < lease.begin + self._max_duration

    async def _warn(self, name: str, ends_at: float, warnings: Sequence[timedelta], *, is_earlier: bool) -> None:
        """is_earlier: the end was moved here from a later time, and may be near already."""
        left = ends_at - boottime()
        ahead = [each.total_seconds() for each in warnings if (each + _JUST_TOLD).total_seconds() < left]
        if is_earlier and len(ahead) < len(warnings) and left > 0:
            ahead.insert(0, left)
        for before_end in ahead:
            await _until(ends_at - before_end)
            rest, now = timedelta(seconds=ends_at - boottime()), datetime.now(UTC)
            minutes = max(1, round(rest / timedelta(minutes=1)))
            self._notify(
                f'lease "{name}" ends in {minutes} minute{"s" if minutes > 1 else ""}, at '
                f"{format_local(_nearest_second(now + rest), now)}; "
                f"`jumplab update lease {name} --end TIME` moves its end"
            )


def _nearest_second(moment: datetime) -> datetime:
    return (moment + timedelta(milliseconds=500)).replace(microsecond=0)


async def _until(at: float) -> None:
    while (rest := at - boottime()) > 0:  # noqa: ASYNC110 - the clock tells nobody
        await asyncio.sleep(min(rest, _LONGEST_SLEEP_SECONDS))


def _time_left(lease: LeaseView) -> str:
    """How much of its time a lease had left, as the end of a sentence; empty where that was none."""
    left = lease.left()
    seconds = round(left.total_seconds()) if left is not None else 0
    return f" ({format_duration(timedelta(seconds=seconds))} before its time was over)" if seconds > 0 else ""
