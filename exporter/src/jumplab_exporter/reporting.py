"""Reports on their way to the controller: at least once each, in order, the last one again on each new connection."""

import asyncio
import logging
from collections.abc import Callable

from jumplab.transport.backoff import Backoff
from jumplab.transport.errors import TransportError
from jumplab_exporter.controller import Controller
from jumplab_exporter.reports import Report

# A client that attaches waits for the exporter's first frames, which a report would overtake at the controller; and a
# client that comes and goes all the time is reported once a second.
_ASIDE_SECONDS = 0.05
_BETWEEN_SECONDS = 1.0

_log = logging.getLogger(__name__)


class ReportQueue:
    """The reports that are still to be delivered.

    Of one lease only the latest report counts. Those of different leases are all delivered, since each confirms that
    its lease has been cleaned up. One without a lease is out of date with the next: sent after it, or to the next
    controller, it would have a lease cleared that has begun meanwhile.
    """

    def __init__(self, backoff: Callable[[], Backoff] = Backoff) -> None:
        self._backoff = backoff
        self._waiting: dict[str, Report] = {}
        self._later: dict[str, Report] = {}
        self._last: Report | None = None
        self._changed = asyncio.Event()
        self._delivered = asyncio.Event()
        self._delivered.set()
        self._due: asyncio.TimerHandle | None = None
        self._sent_at = float("-inf")

    def put(self, report: Report, *, patient: bool = False) -> None:
        """Takes a report. Never waits.  patient: it is sent a moment later, if no other of its lease comes before."""
        self._last = report
        self._delivered.clear()
        self._later.pop(report.lease_uid, None)
        for reports in (self._waiting, self._later):
            reports.pop("", None)
        if patient:
            self._later[report.lease_uid] = report
            self._come_to_it()
        else:
            self._waiting.pop(report.lease_uid, None)
            self._waiting[report.lease_uid] = report
            self._changed.set()

    def _come_to_it(self) -> None:
        """Has the patient reports sent soon."""
        if self._due is None:
            loop = asyncio.get_running_loop()
            self._due = loop.call_at(max(loop.time() + _ASIDE_SECONDS, self._sent_at + _BETWEEN_SECONDS), self._be_due)

    def _be_due(self) -> None:
        self._due = None
        if self._later:
            self._sent_at = asyncio.get_running_loop().time()
            self._waiting |= self._later
            self._later.clear()
            self._changed.set()

    async def deliver(self, controller: Controller) -> None:
        """Delivers over one connection for as long as it lasts: until cancelled. Never raises TransportError."""
        if self._last is not None:
            self._waiting[self._last.lease_uid] = self._last
            self._later.pop(self._last.lease_uid, None)
            self._changed.set()
        while True:
            await self._changed.wait()
            self._changed.clear()
            await self._empty(controller)

    async def delivered(self) -> None:
        """Waits until nothing is left, without a bound: it is the caller's."""
        await self._delivered.wait()

    async def _empty(self, controller: Controller) -> None:
        backoff = self._backoff()
        while self._waiting:
            uid, report = next(iter(self._waiting.items()))
            try:
                await controller.report(report)
            except TransportError as error:
                _log.warning("the status %s was not delivered: %s", report.status.name, error)
                await backoff.wait()
                continue
            backoff.reset()
            if self._waiting.get(uid) is report:
                del self._waiting[uid]
        if not self._later:
            self._delivered.set()
