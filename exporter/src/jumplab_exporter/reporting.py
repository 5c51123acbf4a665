"""Reports on their way to the controller: at least once each, in order, the last one again on each new connection."""

import asyncio
import logging
from collections.abc import Callable

from jumplab.transport.backoff import Backoff
from jumplab.transport.errors import TransportError
from jumplab_exporter.controller import Controller
from jumplab_exporter.reports import Report

_log = logging.getLogger(__name__)


class Outbox:
    """What the controller is still to be told.

    Of one lease only the latest report counts. Those of different leases are all delivered, since each tells that its
    lease has been cleaned up.
    """

    def __init__(self, backoff: Callable[[], Backoff] = Backoff) -> None:
        self._backoff = backoff
        self._waiting: dict[str, Report] = {}
        self._last: Report | None = None
        self._changed = asyncio.Event()
        self._delivered = asyncio.Event()
        self._delivered.set()

    def put(self, report: Report) -> None:
        """Takes a report. Never waits."""
        self._waiting.pop(report.lease_uid, None)
        self._waiting[report.lease_uid] = report
        self._last = report
        self._delivered.clear()
        self._changed.set()

    async def deliver(self, controller: Controller) -> None:
        """Delivers over one connection for as long as it lasts: until cancelled. Never raises TransportError."""
        if self._last is not None:
            self._waiting.setdefault(self._last.lease_uid, self._last)
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
        self._delivered.set()
