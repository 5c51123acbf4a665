"""A session's host: one set of drivers, any number of attached clients."""

import asyncio
import logging
import threading
from collections import deque
from collections.abc import Mapping
from types import TracebackType
from typing import Self

from google.protobuf.timestamp_pb2 import Timestamp

from jumplab.protocol.v1.common_pb2 import LOG_SOURCE_DRIVER, LOG_SOURCE_SYSTEM, ExporterStatus, LogSource
from jumplab.protocol.v1.session_pb2 import Frame, LogLine, StatusChange, Welcome
from jumplab.session.host.attachment import Attachment
from jumplab.session.host.dispatch import Dispatcher
from jumplab.session.host.tree import DriverTree
from jumplab.transport.links import Link

_LINES_KEPT = 200
_DETACHING_BOUND_SECONDS = 2.0
_DRIVERS_LOGGER = logging.getLogger("jumplab.driver")


class SessionHost:
    """Serves a tree of drivers, which its owner has entered, to the clients of one lease.

    exporter_name, lease_name: what clients are told.  epoch: changes with each process of the exporter.
    labels, motd: the exporter's, for clients.

    Use as `async with`; leaving it ends the session. What drivers log while it lasts reaches the attached clients.
    """

    def __init__(
        self,
        tree: DriverTree,
        *,
        exporter_name: str = "",
        lease_name: str = "",
        epoch: str = "",
        labels: Mapping[str, str] | None = None,
        motd: str = "",
    ) -> None:
        self._tree = tree
        self._welcome = Welcome(
            epoch=epoch, labels=labels or {}, motd=motd, exporter_name=exporter_name, lease_name=lease_name
        )
        self._dispatcher = Dispatcher(tree)
        self._attachments: set[Attachment] = set()
        self._said: deque[Frame] = deque(maxlen=_LINES_KEPT)
        self._ended = ""
        self._logs: _DriverLogs | None = None

    async def __aenter__(self) -> Self:
        self._logs = _DriverLogs(self, asyncio.get_running_loop())
        _DRIVERS_LOGGER.addHandler(self._logs)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.end("the exporter has ended the session")
        if self._logs is not None:
            _DRIVERS_LOGGER.removeHandler(self._logs)
        self._dispatcher.close()

    @property
    def attached(self) -> int:
        """How many clients are attached."""
        return len(self._attachments)

    async def serve(self, link: Link) -> None:
        """Serves one client until it goes or the session ends; closes the link. Cancelling detaches the client."""
        attachment = Attachment(link, self._dispatcher, self._welcomed)
        self._attachments.add(attachment)
        for line in self._said:
            attachment.push(line)
        if self._ended:
            attachment.say_goodbye(self._ended)
        try:
            await attachment.run()
        finally:
            self._attachments.discard(attachment)

    async def end(self, reason: str) -> None:
        """Ends the session: calls are cancelled, clients are told the reason, those that attach later too.

        Returns when all have been detached, after two seconds at the most.
        """
        self._ended = self._ended or reason
        for attachment in self._attachments:
            attachment.say_goodbye(reason)
        if self._attachments:
            gone = [asyncio.ensure_future(attachment.gone.wait()) for attachment in self._attachments]
            await asyncio.wait(gone, timeout=_DETACHING_BOUND_SECONDS)
            for waiting in gone:
                waiting.cancel()

    def set_status(self, status: ExporterStatus.ValueType, message: str = "") -> None:
        """Tells the attached clients where the exporter is in its life."""
        self._push(Frame(status_change=StatusChange(status=status, message=message)))

    def say(
        self,
        message: str,
        *,
        source: LogSource.ValueType = LOG_SOURCE_SYSTEM,
        severity: str = "INFO",
        driver_uuid: str = "",
    ) -> None:
        """Sends a log line to the attached clients; the last ones also reach those who attach later."""
        now = Timestamp()
        now.GetCurrentTime()
        line = LogLine(source=source, severity=severity, message=message, timestamp=now, driver_uuid=driver_uuid)
        frame = Frame(log_line=line)
        self._said.append(frame)
        self._push(frame)

    def serves(self, driver_uuid: str) -> bool:
        """Whether the driver is one of this session's."""
        return driver_uuid in self._tree.nodes

    def _push(self, frame: Frame) -> None:
        for attachment in self._attachments:
            attachment.push(frame)

    def _welcomed(self) -> Welcome:
        welcome = Welcome()
        welcome.CopyFrom(self._welcome)
        welcome.reports.extend(self._tree.reports())
        return welcome


class _DriverLogs(logging.Handler):
    """Hands what this session's drivers log to its clients, from whichever thread."""

    def __init__(self, host: SessionHost, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self._host = host
        self._loop = loop
        self._thread = threading.get_ident()

    def emit(self, record: logging.LogRecord) -> None:
        driver_uuid = getattr(record, "driver_uuid", "")
        if not self._host.serves(driver_uuid):
            return
        line = (record.getMessage(), record.levelname, driver_uuid)
        if threading.get_ident() == self._thread:
            self._say(*line)  # at once, so that it comes before the result of the call that said it
        else:
            self._loop.call_soon_threadsafe(self._say, *line)

    def _say(self, message: str, severity: str, driver_uuid: str) -> None:
        self._host.say(message, source=LOG_SOURCE_DRIVER, severity=severity, driver_uuid=driver_uuid)
