"""Sentences about the end of a lease in use: warnings before it, the notice of a preemption, and why it has ended."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import aclosing
from datetime import UTC, datetime, timedelta

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
        if last.expected_end is not None and datetime.now(UTC) > last.expected_end + _SILENCE:
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
        self._end: datetime | None = None
        self._task: asyncio.Task[None] | None = None

    def follow(self, lease: LeaseView) -> None:
        """Takes over the lease's end, as it is expected now."""
        before, self._end = self._end, lease.expected_end
        if self._end == before:
            return
        self.stop()
        if self._end is not None:
            is_earlier = before is not None and self._end < before
            warnings = WARNINGS[1:] if self._may_be_extended(lease) else WARNINGS
            warning = self._warn(lease.name, self._end, warnings, is_earlier=is_earlier)
            self._task = asyncio.create_task(warning, name="warnings before the lease's end")

    def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def _may_be_extended(self, lease: LeaseView) -> bool:
        if self._max_duration is None or lease.begin is None or lease.expected_end is None:
            return False
        return lease.expected_end < lease.begin + self._max_duration

    async def _warn(self, name: str, end: datetime, warnings: Sequence[timedelta], *, is_earlier: bool) -> None:
        """is_earlier: the end was moved here from a later time, and may be near already."""
        now = datetime.now(UTC)
        ahead = [end - before for before in warnings if end - before > now + _JUST_TOLD]
        if is_earlier and len(ahead) < len(warnings) and end > now:
            ahead.insert(0, now)
        for moment in ahead:
            await _until(moment)
            now = datetime.now(UTC)
            minutes = max(1, round((end - now) / timedelta(minutes=1)))
            self._notify(
                f'lease "{name}" ends in {minutes} minute{"s" if minutes > 1 else ""}, at {format_local(end, now)}; '
                f"`jumplab update lease {name} --end TIME` moves its end"
            )


async def _until(moment: datetime) -> None:
    while (rest := (moment - datetime.now(UTC)).total_seconds()) > 0:  # noqa: ASYNC110 - the clock tells nobody
        await asyncio.sleep(min(rest, _LONGEST_SLEEP_SECONDS))


def _time_left(lease: LeaseView) -> str:
    """How much of its time a lease had left, as the end of a sentence; empty where that was none."""
    if lease.expected_end is None:
        return ""
    seconds = round((lease.expected_end - datetime.now(UTC)).total_seconds())
    return f" ({format_duration(timedelta(seconds=seconds))} before its time was over)" if seconds > 0 else ""
