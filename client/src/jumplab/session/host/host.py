"""A session's host: one set of drivers, any number of attached clients."""

import asyncio
import itertools
import logging
import threading
from collections import deque
from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from types import TracebackType
from typing import Self

from google.protobuf.timestamp_pb2 import Timestamp

from jumplab.protocol.v1.common_pb2 import LOG_SOURCE_DRIVER, LOG_SOURCE_SYSTEM, ExporterStatus, LogSource
from jumplab.protocol.v1.session_pb2 import Frame, Frames, Hello, LogLine, StatusChange, Welcome
from jumplab.session.bytestream import reset
from jumplab.session.frames import ProtocolError, read_payloads, until_let_go
from jumplab.session.host.attachment import Attachment
from jumplab.session.host.dispatch import Dispatcher
from jumplab.session.host.driver_logs import DRIVERS_LOGGER
from jumplab.session.host.observing import NOBODY, ConnectionObserver
from jumplab.session.host.tree import DriverTree
from jumplab.session.host.usage import IDLE_AFTER, Usage
from jumplab.transport.errors import TransportError
from jumplab.transport.links import EnvelopeStream, Link

_REPLAYED_LINES = 200
_GREETING_BOUND_SECONDS = 20.0
_LETTING_GO_SECONDS = 1.0
_RECONNECT_SECONDS = 600.0
_DETACHING_BOUND_SECONDS = 2.0
_CLIENTS_AT_ONCE = 256
_line_numbers = itertools.count(1)
"""Of the whole process: a client that attaches to one lease's session after another's can tell their lines apart."""

_log = logging.getLogger(__name__)


class SessionHost:
    """Serves a tree of drivers, which its owner has entered, to the clients of one lease.

    exporter_name, lease_name: for clients.  epoch: changes with each process of the exporter.
    labels, motd: the exporter's, for clients.  sends_logs: whether the drivers' log lines reach the clients.

    usage: whether any client is connected, and uses the drivers.  idle_after: as for Usage.

    Use as `async with`; leaving it ends the session. What drivers log while they are set up and while it lasts reaches
    the attached clients.
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
        sends_logs: bool = True,
        idle_after: timedelta = IDLE_AFTER,
    ) -> None:
        self._tree = tree
        self._sends_logs = sends_logs
        self._welcome = Welcome(
            epoch=epoch,
            labels=labels or {},
            motd=motd,
            exporter_name=exporter_name,
            lease_name=lease_name,
            holds_items=True,
            carries_streams=True,
            reports=tree.reports(),
        )
        self._dispatcher = Dispatcher(tree)
        self._attachments: dict[str, Attachment] = {}
        self._recent_lines: deque[Frame] = deque(maxlen=_REPLAYED_LINES)
        self._status: list[Frame] = []
        self._ended = ""
        self._dismissals = 0
        self.usage = Usage(idle_after)
        self._logs: _DriverLogs | None = None

    async def __aenter__(self) -> Self:
        if self._sends_logs:
            self._logs = _DriverLogs(self, asyncio.get_running_loop())
            DRIVERS_LOGGER.addHandler(self._logs)
            for record in self._tree.take_early_lines():
                self._logs.emit(record)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.end("the exporter has ended the session")
        if self._logs is not None:
            DRIVERS_LOGGER.removeHandler(self._logs)
        self.usage.close()
        self._dispatcher.close()

    async def serve(self, link: Link, observer: ConnectionObserver = NOBODY) -> None:
        """Serves one connection of a client; closes the link. Cancelling detaches the client.

        observer: of this connection.

        Where the connection was lost, returns when the client has come back with another, has left for good, or did not
        come back in ten minutes: until then what it has running goes on.
        """
        dismissals = self._dismissals
        try:
            async with asyncio.timeout(_GREETING_BOUND_SECONDS):
                stream = await link.open(0)
                payloads = read_payloads(stream)
                hello = await self._greeted(stream, payloads)
            if dismissals != self._dismissals:
                return  # it was let in before the others were sent away
            await self._serve(link, stream, payloads, hello, observer)
        except (TransportError, TimeoutError) as error:
            _log.debug("a client's connection ended: %s", error)
        except Exception:  # noqa: BLE001 - the root of a connection's task: the other clients go on
            _log.exception("a client's connection ended by a fault of the exporter")
        finally:
            await link.aclose()

    async def _greeted(self, stream: EnvelopeStream, payloads: AsyncIterator[Frames]) -> Hello:
        """The client's hello. A client that begins otherwise, or is one too many, is refused. Raises ProtocolError."""
        try:
            hello = await _hello(payloads)
            if hello.session not in self._attachments and not self._can_attach():
                raise ProtocolError(f"{_CLIENTS_AT_ONCE} clients are attached to this lease, which is the most")
        except ProtocolError as error:
            await reset(stream, str(error))
            await until_let_go(stream, _LETTING_GO_SECONDS)
            raise
        return hello

    def _can_attach(self) -> bool:
        """Whether one more client may attach; of those that vanished the one is given up that did so first."""
        if len(self._attachments) < _CLIENTS_AT_ONCE:
            return True
        vanished = next((each for each in self._attachments.values() if not each.connected), None)
        if vanished is not None:
            vanished.end()
        return vanished is not None

    async def _serve(
        self,
        link: Link,
        stream: EnvelopeStream,
        payloads: AsyncIterator[Frames],
        hello: Hello,
        observer: ConnectionObserver,
    ) -> None:
        attachment = self._attachment_of(hello)
        try:
            with self.usage.connected(busy=hello.busy):
                await attachment.serve(link, stream, payloads, hello, observer)
            gone = attachment.life.is_over or await attachment.abandoned(_RECONNECT_SECONDS)
        except BaseException:
            if not attachment.connected:  # else another connection has replaced it
                await self._forget(hello.session, attachment)
            raise
        if gone or attachment.life.is_over:
            await self._forget(hello.session, attachment)

    def _attachment_of(self, hello: Hello) -> Attachment:
        """The attachment that the client had, where it knows this epoch; else a new one."""
        known = self._attachments.get(hello.session)
        if known is not None and hello.epoch and hello.epoch == self._welcome.epoch:
            return known
        hello.epoch = ""
        attachment = self._attachments[hello.session] = Attachment(
            hello.session, self._dispatcher, self._welcomed, self.usage
        )
        for frame in (*self._recent_lines, *self._status):
            attachment.push(frame)
        if self._ended:
            attachment.send_goodbye(self._ended)
        return attachment

    async def _forget(self, session: str, attachment: Attachment) -> None:
        if self._attachments.get(session) is attachment:
            del self._attachments[session]
        await attachment.close()

    async def end(self, reason: str) -> None:
        """Ends the session: calls are cancelled; clients get the reason, those that attach later too.

        Returns when all have been detached, after two seconds at the most.
        """
        self._ended = self._ended or reason
        attachments = self.dismiss(reason)
        if attachments:
            gone = [asyncio.ensure_future(attachment.gone.wait()) for attachment in attachments]
            await asyncio.wait(gone, timeout=_DETACHING_BOUND_SECONDS)
            for waiting in gone:
                waiting.cancel()

    def dismiss(self, reason: str) -> list[Attachment]:
        """Detaches all clients that are attached now: their calls are cancelled, and they get the reason.

        A client that attaches afterwards is served, and gets nothing of before.
        """
        self._dismissals += 1
        self.usage.forget()
        self._recent_lines.clear()
        attachments = list(self._attachments.values())
        for attachment in attachments:
            attachment.send_goodbye(reason)
        return attachments

    def set_status(self, status: ExporterStatus.ValueType, message: str = "") -> None:
        """Sends the exporter's state to the attached clients, and to those that attach later."""
        frame = Frame(status_change=StatusChange(status=status, message=message))
        self._status = [frame]
        self._push(frame)

    def send_log_line(
        self,
        message: str,
        *,
        source: LogSource.ValueType = LOG_SOURCE_SYSTEM,
        severity: str = "INFO",
        driver_uuid: str = "",
    ) -> None:
        """Sends a log line to the attached clients; the last ones also reach clients that attach later."""
        now = Timestamp()
        now.GetCurrentTime()
        line = LogLine(source=source, severity=severity, message=message, timestamp=now, driver_uuid=driver_uuid)
        line.number = next(_line_numbers)
        frame = Frame(log_line=line)
        self._recent_lines.append(frame)
        self._push(frame)

    def add_motd(self, text: str) -> None:
        """Adds to the message of the day of those who attach from now on."""
        self._welcome.motd = "\n".join(filter(None, (self._welcome.motd, text)))

    def serves(self, driver_uuid: str) -> bool:
        """Whether the driver is one of this session's."""
        return driver_uuid in self._tree.nodes

    def _push(self, frame: Frame) -> None:
        for attachment in self._attachments.values():
            attachment.push(frame)

    def _welcomed(self) -> Welcome:
        welcome = Welcome()
        welcome.CopyFrom(self._welcome)
        welcome.end_offsets.update(self._tree.end_offsets())
        return welcome


async def _hello(payloads: AsyncIterator[Frames]) -> Hello:
    first = await anext(payloads)
    if len(first.frames) != 1 or first.frames[0].WhichOneof("kind") != "hello":
        raise ProtocolError("the client did not say hello")
    return first.frames[0].hello


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
            self._send_log_line(*line)  # at once, so that it comes before the result of the call that logged it
        else:
            self._loop.call_soon_threadsafe(self._send_log_line, *line)

    def _send_log_line(self, message: str, severity: str, driver_uuid: str) -> None:
        self._host.send_log_line(message, source=LOG_SOURCE_DRIVER, severity=severity, driver_uuid=driver_uuid)
