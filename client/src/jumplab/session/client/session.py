"""An attached session, for asyncio."""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from jumplab.driver import AsyncDriverClient, DriverNode, errors
from jumplab.protocol.v1.common_pb2 import DriverInstanceReport
from jumplab.protocol.v1.session_pb2 import Call, CallCancel, Frame, LogLine, StatusChange, Welcome
from jumplab.session import outcomes
from jumplab.session.client.loader import ClientClasses, reported_methods
from jumplab.session.client.streams import DriverStream, RunningCall
from jumplab.session.frames import FrameWriter, ProtocolError
from jumplab.transport.errors import TransportError
from jumplab.transport.links import Link, StreamReset

NAME_LABEL = "jumpstarter.dev/name"
_REASON_BOUND_SECONDS = 1.0


class Session:
    """A client's session with an exporter's drivers. Made by `attach`; all of it in one event loop.

    root: the client of the tree's root.  exporter_name, lease_name, labels, motd, epoch: as the exporter tells.
    on_log, on_status: may be set; called with each LogLine and StatusChange.
    ended: done when the session is over, with the DriverError that says why.
    """

    def __init__(self, link: Link, welcome: Welcome, writer: FrameWriter, classes: ClientClasses) -> None:
        self._link = link
        self._writer = writer
        self._calls: dict[int, RunningCall] = {}
        self._ids = itertools.count(1)
        self._streams = itertools.count(1)
        self.exporter_name = welcome.exporter_name
        self.lease_name = welcome.lease_name
        self.labels = dict(welcome.labels)
        self.motd = welcome.motd
        self.epoch = welcome.epoch
        self.on_log: Callable[[LogLine], None] | None = None
        self.on_status: Callable[[StatusChange], None] | None = None
        self.ended: asyncio.Future[errors.DriverError] = asyncio.get_running_loop().create_future()
        self._paths: dict[str, str] = {}
        self.root = self._tree(welcome.reports, classes)

    async def call(self, driver_uuid: str, method: str, arguments: bytes) -> bytes:
        call_id, running = self._begin(driver_uuid, method)
        frame = Frame(call=Call(id=call_id, driver_uuid=driver_uuid, method=method, arguments=arguments))
        async with self._cancelling(call_id):
            await self._writer.send(frame)
            return await running.result

    async def call_streaming(self, driver_uuid: str, method: str, arguments: bytes) -> AsyncIterator[bytes]:
        call_id, running = self._begin(driver_uuid, method)
        frame = Frame(call=Call(id=call_id, driver_uuid=driver_uuid, method=method, arguments=arguments))
        async with self._cancelling(call_id):
            await self._writer.send(frame)
            while (item := await running.items.get()) is not None:
                yield item
            await running.result

    @asynccontextmanager
    async def open(self, driver_uuid: str, method: str, arguments: bytes, *, bulk: bool) -> AsyncIterator[DriverStream]:
        call_id, running = self._begin(driver_uuid, method)
        number = next(self._streams)
        frame = Call(id=call_id, driver_uuid=driver_uuid, method=method, arguments=arguments, stream=number, bulk=bulk)
        async with self._cancelling(call_id):
            await self._writer.send(Frame(call=frame))
            try:
                stream = await self._link.open(number, bulk=bulk)
            except TransportError as error:
                raise await self._meaning(error) from error
            try:
                await running.opened
                if running.result.done() and running.result.exception() is not None:
                    await running.result
                yield DriverStream(stream, running, self._meaning)
            finally:
                await stream.aclose()

    async def serve(self, frames: AsyncIterator[Frame]) -> None:
        """Takes in the exporter's frames until the session is over. Never raises TransportError."""
        try:
            async for frame in frames:
                self._take_in(frame)
            self._end(errors.SessionLost("the exporter has closed the session"))
        except TransportError as error:
            self._end(errors.SessionLost(f"the connection to the exporter was lost: {error}"))

    def close(self) -> None:
        """Nothing can be called any more."""
        self._end(errors.SessionEnded("this session is closed; its clients can't be used any more"))

    def _take_in(self, frame: Frame) -> None:
        match frame.WhichOneof("kind"):
            case "call_result":
                self._take_result(frame)
            case "call_item":
                self._running(frame.call_item.id).items.put_nowait(frame.call_item.value)
            case "call_opened":
                opened = self._running(frame.call_opened.id).opened
                if not opened.done():
                    opened.set_result(None)
            case "log_line":
                if self.on_log is not None:
                    self.on_log(frame.log_line)
            case "status_change":
                if self.on_status is not None:
                    self.on_status(frame.status_change)
            case "goodbye":
                self._end(errors.SessionEnded(frame.goodbye.reason))
            case kind:
                raise ProtocolError(f"the exporter sent a frame that only a client sends: {kind}")

    def _take_result(self, frame: Frame) -> None:
        result = frame.call_result
        running = self._running(result.id)
        if result.WhichOneof("outcome") == "error":
            running.finish(outcomes.heard(result.error, running.path, running.method))
        else:
            running.finish(result.value)

    def _running(self, call_id: int) -> RunningCall:
        return self._calls.get(call_id) or RunningCall("", "")

    def _begin(self, driver_uuid: str, method: str) -> tuple[int, RunningCall]:
        if self.ended.done():
            raise self.ended.result()
        call_id = next(self._ids)
        running = self._calls[call_id] = RunningCall(self._paths.get(driver_uuid, driver_uuid), method)
        return call_id, running

    @asynccontextmanager
    async def _cancelling(self, call_id: int) -> AsyncIterator[None]:
        """Lets go of a call; where it has no result yet, cancels it at the driver."""
        try:
            yield
        finally:
            running = self._calls.pop(call_id)
            if (running.result.cancelled() or not running.result.done()) and not self.ended.done():
                self._writer.post(Frame(call_cancel=CallCancel(id=call_id)))

    def _end(self, reason: errors.DriverError) -> None:
        if not self.ended.done():
            self.ended.set_result(reason)
        for running in list(self._calls.values()):
            running.finish(self.ended.result())

    async def _meaning(self, error: TransportError) -> errors.DriverError:
        """What a byte stream's lost connection means: the session's end says it best, and may be a moment behind."""
        if isinstance(error, StreamReset):
            return errors.StreamReset(str(error))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_REASON_BOUND_SECONDS):
                return await asyncio.shield(self.ended)
        return errors.SessionLost(f"the byte stream was cut: {error}")

    def _tree(self, reports: Sequence[DriverInstanceReport], classes: ClientClasses) -> AsyncDriverClient:
        clients: dict[str, AsyncDriverClient] = {}
        nodes: dict[str, DriverNode] = {}
        for report in reports:
            name = report.labels.get(NAME_LABEL, "")
            parent = self._paths.get(report.parent_uuid, "")
            self._paths[report.uuid] = path = f"{parent}.{name}" if parent else name
            node = DriverNode(report.uuid, path, report.description, reported_methods(report), self, report.failure)
            clients[report.uuid] = classes.client_for(report, path)(node)
            nodes[report.uuid] = node
            if report.HasField("parent_uuid"):
                nodes[report.parent_uuid].children[name] = clients[report.uuid]
        if not reports:
            raise errors.SessionLost("the exporter reported no drivers")
        return clients[reports[0].uuid]
