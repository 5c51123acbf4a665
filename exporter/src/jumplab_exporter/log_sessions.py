"""Sessions in which clients read the console logs of leases that they have, or had.

They are served whatever the exporter does at that time, on a driver of their own: the lease that lasts has no part.
"""

import asyncio
import logging
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import BinaryIO

from jumplab.driver import ByteStream
from jumplab.driver.driver import Driver
from jumplab.drivers.console.kept_logs import KeptLog, KeptLogs, KeptLogsInterface
from jumplab.session.host import DriverTree, SessionHost
from jumplab.system_errors import system_sentence
from jumplab.transport.first_completed import first_completed
from jumplab.transport.links import Link
from jumplab_exporter.audit import By, ExporterAudit
from jumplab_exporter.console_logs import ConsoleLogs
from jumplab_exporter.controller import LogOffer, Offer
from jumplab_exporter.lifecycle_events import Lease

AT_ONCE = 4
AT_ONCE_OF_LEASE = 2
BOUND_SECONDS = 600.0
"""The controller has the router cut them then, too."""
_BUSY_BOUND_SECONDS = 30.0
_PIECE_BYTES = 256 << 10

_log = logging.getLogger(__name__)


class LogSessions:
    """Those of one exporter.  logs: None where it keeps none.  open_link: the way to a client.  audit: of them."""

    def __init__(
        self,
        logs: ConsoleLogs | None,
        exporter_name: str,
        open_link: Callable[[Offer], Link],
        audit: ExporterAudit,
    ) -> None:
        self._logs = logs
        self._exporter_name = exporter_name
        self._open_link = open_link
        self._audit = audit
        self._offers: asyncio.Queue[LogOffer] = asyncio.Queue()
        self._seen: set[str] = set()
        self._reading: list[str] = []

    def apply(self, offers: Sequence[LogOffer]) -> None:
        """Takes in all offers that hold now; those that were here before are served already."""
        for each in offers:
            if each.offer.session not in self._seen:
                self._offers.put_nowait(each)
        self._seen = {each.offer.session for each in offers}

    async def run(self) -> None:
        """Serves them until it is cancelled."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                each = await self._offers.get()
                tasks.create_task(self._serve(each), name=f"console logs for session {each.offer.session}")

    async def _serve(self, offered: LogOffer) -> None:
        uid = offered.lease_uid
        if len(self._reading) >= AT_ONCE or self._reading.count(uid) >= AT_ONCE_OF_LEASE:
            await self._serve_driver(offered, _LogsOfLease(self._exporter_name, None, uid, self._busy()))
            return
        _log.info("a client reads the console logs of the lease of uid %s", uid)
        self._reading.append(uid)
        try:
            await self._serve_driver(offered, _LogsOfLease(self._exporter_name, self._logs, uid))
        finally:
            self._reading.remove(uid)

    async def _serve_driver(self, offered: LogOffer, driver: "_LogsOfLease") -> None:
        scope = f"console logs for session {offered.offer.session}"
        tree = DriverTree({"logs": driver}, scope=scope)
        begun, over = asyncio.Event(), asyncio.Event()
        async with tree, SessionHost(tree, exporter_name=self._exporter_name) as session:
            # A client that has lost its connection comes with another session.
            session.usage.on_change = lambda attached, _in_use: (begun if attached else over).set()
            lease = Lease(offered.lease_uid, "", "")  # its name and its client are in the controller's audit log
            observer = self._audit.observer(lease, offered.offer.session, By.LOG_READER)
            serving = session.serve(self._open_link(offered.offer), observer)
            await first_completed({scope: serving, f"the end of {scope}": _end_in_time(session, begun, over, driver)})

    def _busy(self) -> str:
        return (
            f'exporter "{self._exporter_name}" hands out console logs to {len(self._reading)} others now, and takes '
            f"{AT_ONCE} at once, {AT_ONCE_OF_LEASE} of one lease; try again in a moment"
        )


class _LogsOfLease(KeptLogsInterface, Driver):
    """The logs of one lease.  logs: None where none are kept.  problem: why none are to be had now."""

    def __init__(self, exporter_name: str, logs: ConsoleLogs | None, lease_uid: str, problem: str = "") -> None:
        super().__init__()
        self._exporter_name = exporter_name
        self._logs = logs
        self._uid = lease_uid
        self._problem = problem

    @property
    def bound_seconds(self) -> float:
        return _BUSY_BOUND_SECONDS if self._problem else BOUND_SECONDS

    async def consoles(self) -> KeptLogs:
        if self._problem:
            return KeptLogs([], self._problem)
        if self._logs is None:
            settings = 'its configuration file says "consoleLogs: {enabled: false}"'
            return KeptLogs([], f'exporter "{self._exporter_name}" keeps no console logs: {settings}')
        try:
            found = await asyncio.to_thread(_sizes, self._logs, self._uid)
        except OSError as error:
            return KeptLogs(
                [], f'exporter "{self._exporter_name}" can\'t read its console logs: {system_sentence(error)}'
            )
        if not found:
            return KeptLogs(
                [],
                f'exporter "{self._exporter_name}" has no console log of this lease: the consoles have said nothing, '
                f"or it is out of what consoleLogs of the exporter's configuration file keeps ({self._logs.limits})",
            )
        return KeptLogs(found)

    async def read(self, stream: ByteStream, *, console: str, offset_bytes: int = 0) -> int:
        if self._problem or self._logs is None:
            raise ValueError((await self.consoles()).problem)
        if offset_bytes < 0:
            raise ValueError(f"offset_bytes is {offset_bytes}; count from the log's begin")
        file = await asyncio.to_thread(_opened, self._logs, self._uid, console)
        try:
            end = os.fstat(file.fileno()).st_size
            at = min(offset_bytes, end)
            await asyncio.to_thread(file.seek, at)
            while at < end and (data := await asyncio.to_thread(file.read, min(_PIECE_BYTES, end - at))):
                await stream.send(data)
                at += len(data)
        finally:
            file.close()
        return at


async def _end_in_time(session: SessionHost, begun: asyncio.Event, over: asyncio.Event, driver: _LogsOfLease) -> None:
    """Returns when the client has gone; one that stays too long is told so, and sent away."""
    await begun.wait()  # how long it may take to attach, the session bounds itself
    try:
        async with asyncio.timeout(driver.bound_seconds):
            await over.wait()
    except TimeoutError:
        await session.end(f"console logs can be read for {driver.bound_seconds:g} s at a time; ask for them again")


def _sizes(logs: ConsoleLogs, lease_uid: str) -> list[KeptLog]:
    found, sizes = logs.lease_with_uid(lease_uid), list[KeptLog]()
    if found is None:
        return sizes
    for console in found.consoles:
        with suppress(FileNotFoundError):  # it is removed just now, or is a file of somebody else's naming
            sizes.append(KeptLog(console, found.size_of(console)))
    return sizes


def _opened(logs: ConsoleLogs, lease_uid: str, console: str) -> BinaryIO:
    found = logs.lease_with_uid(lease_uid)
    if found is None or console not in found.consoles:
        raise ValueError(f'there is no log of a console "{console}" of this lease')
    return found.open(console)
