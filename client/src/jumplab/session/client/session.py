"""An attached session, for asyncio: what is said over its connections."""

import asyncio
import itertools
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import cast

from jumplab.control_sequences import printable
from jumplab.driver import AsyncDriverClient, AsyncGenericClient, Cursor, DriverNode, errors
from jumplab.driver.deadline import remaining_ms
from jumplab.driver.progressing import Progress
from jumplab.protocol.labels import ALIAS_LABEL, NAME_LABEL
from jumplab.protocol.v1.session_pb2 import (
    Call,
    CallCancel,
    CallResult,
    CallTaken,
    Frame,
    Frames,
    Leave,
    LogLine,
    Reopen,
    StatusChange,
    StreamEnvelope,
    Welcome,
)
from jumplab.session import call_errors
from jumplab.session.channel import FrameChannel
from jumplab.session.client.loader import ClientClasses, reported_methods
from jumplab.session.client.streams import DriverStream, RunningCall
from jumplab.session.frames import UNCOUNTED, ProtocolError, is_of_a_later_version
from jumplab.session.inline_stream import InlineStream
from jumplab.session.items import WINDOW_BYTES, ReceivedItems
from jumplab.session.life import SessionEvent, SessionLife
from jumplab.transport.backoff import Backoff
from jumplab.transport.links import EnvelopeStream, Link

_log = logging.getLogger(__name__)


class Session:
    """A client's session with an exporter's drivers. Made by `attach`; all of it in one event loop.

    root: the client of the tree's root.  exporter_name, lease_name, labels, motd, epoch: as the exporter tells.
    failures: why drivers did not start, by their uuids.
    from_lease_begin: whether its clients begin to read consoles at the lease's begin, else where it attached.
    on_log, on_status: may be set; called with each LogLine and StatusChange.
    life: its state.  ended: done when the session is over, with the DriverError that says why.
    channel: the frames both ways; connections are the business of `attaching`.
    """

    def __init__(
        self, session: str, welcome: Welcome, classes: ClientClasses, *, from_lease_begin: bool = True
    ) -> None:
        self.life = SessionLife(session, "client")
        self.channel = FrameChannel()
        self._calls: dict[int, RunningCall] = {}
        self._ids = itertools.count(1)
        self._streams = itertools.count(1)
        self._link: Link | None = None
        self._connected = asyncio.Event()
        self.exporter_name = welcome.exporter_name
        self.lease_name = welcome.lease_name
        self.labels = dict(welcome.labels)
        self.motd = welcome.motd
        self.epoch = welcome.epoch
        self.failures = {report.uuid: report.failure for report in welcome.reports if report.failure}
        self.from_lease_begin = from_lease_begin
        self._windowed_items = welcome.holds_items
        self._carries_streams = welcome.carries_streams
        self.on_log: Callable[[LogLine], None] | None = None
        self.on_status: Callable[[StatusChange], None] | None = None
        self.ended: asyncio.Future[errors.DriverError] = asyncio.get_running_loop().create_future()
        self._paths: dict[str, str] = {}
        self.root = self._tree(welcome, classes)

    def shown(self, line: LogLine, *, with_severity: bool = False) -> str:
        """A log line for people, and for their terminal: it names the driver that has said it."""
        path = self._paths.get(line.driver_uuid, "")
        severity = line.severity.lower() if with_severity else ""
        return "".join([*(f"[{part}] " for part in (path, severity) if part), printable(line.message)])

    async def call(self, driver_uuid: str, method: str, arguments: bytes) -> bytes:
        if self.channel.crowded:
            await self.channel.until_writable()
        running, call = self._begin(driver_uuid, method, arguments)
        call.timeout_ms = remaining_ms()
        try:
            self.channel.post(Frame(call=call))
            return await running.result
        finally:
            self._abandon(call.id)

    async def call_streaming(self, driver_uuid: str, method: str, arguments: bytes) -> AsyncGenerator[bytes, None]:
        await self.channel.until_writable()
        running, call = self._begin(driver_uuid, method, arguments)
        call.timeout_ms = remaining_ms()
        call.window_bytes = WINDOW_BYTES
        items = running.items = ReceivedItems()
        try:
            self.channel.post(Frame(call=call))
            while (item := await items.pop()) is not None:
                if items.acknowledgement_due and not running.result.done():
                    self._acknowledge_items(call.id, items)
                yield item
            await running.result
        finally:
            self._abandon(call.id)

    @asynccontextmanager
    async def open(self, driver_uuid: str, method: str, arguments: bytes, *, bulk: bool) -> AsyncIterator[DriverStream]:
        await self.channel.until_writable()
        link, number = await self._route()
        running, call = self._begin(driver_uuid, method, arguments)
        opened = running.opened = asyncio.get_running_loop().create_future()
        call.bulk = bulk
        if self._carries_streams and not bulk:
            call.carried = True
            running.carried = InlineStream(self.channel, call.id, moves=True)
        else:
            call.stream = number
        try:
            self.channel.post(Frame(call=call))
            stream = DriverStream(running, Backoff(), lambda: self._reopened(call.id, running, bulk=bulk))
            first, fresh = (running.carried, True) if running.carried else await stream.first(link, number, bulk=bulk)
            async with stream.running(first, fresh=fresh):
                await opened
                if running.failed:
                    await running.result
                yield stream
        finally:
            self._abandon(call.id)

    def connect(self, link: Link) -> None:
        """The session's first connection is there."""
        self.life.apply(SessionEvent.CONNECTED)
        self._link = link
        self._connected.set()

    def resume(self, link: Link, welcome: Welcome) -> None:
        """Another connection is there after one that was lost.

        Where the exporter's process is another one, or has forgotten this session, what was running is lost.
        """
        if self.epoch != welcome.epoch or not welcome.resumed:
            self._lose_calls()
            self.channel.forget()
        self.channel.connect(welcome.received)
        self.epoch = welcome.epoch
        self._windowed_items = welcome.holds_items
        self._carries_streams = welcome.carries_streams
        self.connect(link)

    def disconnect(self) -> None:
        """The connection is gone; what is asked meanwhile waits for the next one."""
        self.life.apply(SessionEvent.LOST)
        self._connected.clear()
        self._link = None
        for running in self._calls.values():
            if running.carried is not None:
                running.carried.lose()

    async def read(self, first: Frames, payloads: AsyncIterator[Frames]) -> None:
        """Takes in what the exporter says on one connection. Raises TransportError at its end."""
        self._handle_payload(first)
        async for payload in payloads:
            self._handle_payload(payload)

    def leave(self) -> None:
        """Nothing can be called any more; the exporter is told, where it can be."""
        self.channel.post(Frame(leave=Leave()))
        self.end(errors.SessionEnded("this session is closed; its clients can't be used any more"))

    def end(self, reason: errors.DriverError) -> None:
        """The session is over.

        A program may keep its clients. Nothing of the connection stays for that: gRPC keeps the event loops of all
        sessions, 256 KiB each, as long as there is one channel.
        """
        self._link = None
        self.life.apply(SessionEvent.OVER)
        if not self.ended.done():
            self.ended.set_result(reason)
        for running in list(self._calls.values()):
            running.finish(self.ended.result())
        self.channel.release_senders()
        self._connected.set()

    def _lose_calls(self) -> None:
        lost = errors.SessionLost(
            "the exporter's process was replaced or has forgotten this session; whether the call was carried out is "
            "unknown, and it is not repeated"
        )
        for running in list(self._calls.values()):
            running.finish(lost)

    def _handle_payload(self, payload: Frames) -> None:
        counted = 0
        try:
            for frame in payload.frames:
                kind = frame.WhichOneof("kind")
                counted += kind not in UNCOUNTED
                self._handle_frame(kind, frame)
        finally:
            self.channel.arrived(payload, counted)

    def _handle_frame(self, kind: str | None, frame: Frame) -> None:
        match kind:
            case "call_result":
                self._handle_result(frame.call_result)
            case "call_item":
                self._running(frame.call_item.id).add_item(frame.call_item.value)
            case "call_progress":
                progress = frame.call_progress
                total = progress.total if progress.HasField("total") else None
                self._running(progress.id).report_progress(Progress(progress.done, total, progress.text))
            case "stream_envelope":
                self._handle_envelope(frame.stream_envelope)
            case "call_opened":
                self._running(frame.call_opened.id).open()
            case "log_line":
                if self.on_log is not None:
                    self.on_log(frame.log_line)
            case "status_change":
                if self.on_status is not None:
                    self.on_status(frame.status_change)
            case "goodbye":
                self.end(errors.SessionEnded(frame.goodbye.reason))
            case _ if is_of_a_later_version(frame):
                _log.debug("the exporter sent a frame of a later version, which is left aside")
            case _:
                raise ProtocolError(f"the exporter sent a frame that only a client sends: {kind}")

    def _handle_result(self, result: CallResult) -> None:
        running = self._running(result.id)
        if result.WhichOneof("outcome") == "error":
            running.finish(call_errors.to_driver_error(result.error, running.path, running.method))
        else:
            running.finish(result.value)

    def _handle_envelope(self, envelope: StreamEnvelope) -> None:
        running = self._calls.get(envelope.id)
        if running is not None and running.carried is not None:  # else nobody waits for it any more
            running.carried.put(envelope)

    def _acknowledge_items(self, call_id: int, items: ReceivedItems) -> None:
        """Lets the exporter go on with a streaming call, of which enough has been taken."""
        if self._windowed_items:
            self.channel.post(Frame(call_taken=CallTaken(id=call_id, bytes=items.acknowledgement())))

    def _running(self, call_id: int) -> RunningCall:
        """The call; a stand-in for one that nobody waits for any more."""
        return self._calls.get(call_id) or RunningCall("", "")

    def _begin(self, driver_uuid: str, method: str, arguments: bytes) -> tuple[RunningCall, Call]:
        """A new call, and the frame that asks for it, to be queued before another one begins: their ids count up."""
        if self.life.is_over:
            raise self.ended.result()
        call_id = next(self._ids)
        running = self._calls[call_id] = RunningCall(self._paths.get(driver_uuid, driver_uuid), method)
        call = Call(id=call_id, driver_uuid=driver_uuid, method=method, arguments=arguments)
        call.progress = running.on_progress is not None
        return running, call

    def _abandon(self, call_id: int) -> None:
        """Nobody waits for the call any more; where it has no result yet, or a stream among the frames, the exporter is
        told."""
        running = self._calls.pop(call_id)
        unheard = running.result.cancelled() or not running.result.done()
        if (unheard or running.carried is not None) and not self.life.is_over:
            self.channel.post(Frame(call_cancel=CallCancel(id=call_id)))

    async def _route(self) -> tuple[Link, int]:
        """The present link, and a stream number that is free on it. Waits for a connection; raises why none comes."""
        await self._connected.wait()
        if self.life.is_over or self._link is None:
            raise self.ended.result()
        return self._link, next(self._streams)

    async def _reopened(self, call_id: int, running: RunningCall, *, bulk: bool) -> EnvelopeStream:
        """Another connection for a byte stream that has lost its own. Raises DriverError, TransportError."""
        link, number = await self._route()
        running.carried = None
        if running.failed:
            await running.result
        self.channel.post(Frame(reopen=Reopen(id=call_id, stream=number)))
        return await link.open(number, bulk=bulk)

    def _tree(self, welcome: Welcome, classes: ClientClasses) -> AsyncGenericClient:
        reports = welcome.reports
        clients: dict[str, AsyncDriverClient] = {}
        nodes: dict[str, DriverNode] = {}
        for report in reports:
            name = report.labels.get(NAME_LABEL, "")
            parent = self._paths.get(report.parent_uuid, "")
            self._paths[report.uuid] = path = f"{parent}.{name}" if parent else name
            interfaces = tuple((each.name, each.version) for each in report.interfaces)
            node = DriverNode(
                report.uuid,
                path,
                report.description,
                reported_methods(report, path),
                self,
                report.failure,
                interfaces,
                alias_of=report.labels.get(ALIAS_LABEL, ""),
                attached_at=Cursor(welcome.end_offsets[report.uuid], welcome.epoch)
                if report.uuid in welcome.end_offsets
                else None,
            )
            clients[report.uuid] = classes.client_for(report, path)(node)
            nodes[report.uuid] = node
            if report.HasField("parent_uuid"):
                if report.parent_uuid not in nodes:
                    raise errors.SessionLost(f'the exporter reported the driver "{path}" before what it is part of')
                nodes[report.parent_uuid].children[name] = clients[report.uuid]
        if not reports:
            raise errors.SessionLost("the exporter reported no drivers")
        return cast("AsyncGenericClient", clients[reports[0].uuid])  # its attributes are what the exporter has
