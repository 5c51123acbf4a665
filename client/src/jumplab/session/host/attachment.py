"""One client attached to a session."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine
from typing import Any

from jumplab.driver import errors
from jumplab.driver.interface import MethodKind
from jumplab.protocol.v1.common_pb2 import LOG_SOURCE_SYSTEM
from jumplab.protocol.v1.session_pb2 import (
    Call,
    CallItem,
    CallOpened,
    CallResult,
    Frame,
    Goodbye,
    LogLine,
    Welcome,
)
from jumplab.session import outcomes
from jumplab.session.bytestream import LinkedByteStream
from jumplab.session.frames import FRAME_BYTES, FrameWriter, ProtocolError, read_frames
from jumplab.session.host.dispatch import Dispatcher, Invocation
from jumplab.transport.errors import TransportError
from jumplab.transport.links import EnvelopeStream, Link

_OPENING_BOUND_SECONDS = 20.0
_CLOSING_BOUND_SECONDS = 1.0
_LETTING_GO_BOUND_SECONDS = 30.0
_CALLS_AT_ONCE = 1024

_log = logging.getLogger(__name__)


class Attachment:
    """Serves one client over its link until the client goes, the connection is lost, or `say_goodbye` was called.

    gone: set when nothing of it is left.
    """

    def __init__(self, link: Link, dispatcher: Dispatcher, welcome: Callable[[], Welcome]) -> None:
        self._link = link
        self._dispatcher = dispatcher
        self._welcome = welcome
        self._calls: dict[int, asyncio.Task[None]] = {}
        self._writer: FrameWriter | None = None
        self._letting_go: set[asyncio.Task[None]] = set()
        self._early: list[Frame] = []
        self._lost = 0
        self._reason = ""
        self._over = asyncio.Event()
        self.gone = asyncio.Event()

    def push(self, frame: Frame) -> None:
        """Sends a frame that answers nothing: a log line, a change of status.

        A client that does not read loses such frames, and is told how many when it reads again.
        """
        if self._writer is None:
            self._early.append(frame)
        elif self._writer.crowded:
            self._lost += 1
        else:
            if self._lost:
                lost = LogLine(source=LOG_SOURCE_SYSTEM, severity="WARNING", message=f"{self._lost} lines were lost")
                self._writer.post(Frame(log_line=lost))
                self._lost = 0
            self._writer.post(frame)

    def say_goodbye(self, reason: str) -> None:
        """Ends the attachment: calls are cancelled, the client is told why."""
        self._reason = reason
        if self._writer is not None:
            self._writer.post(self._goodbye())
        self._over.set()

    async def run(self) -> None:
        """Serves. Returns when it is over; closes the link. Never raises TransportError."""
        try:
            async with asyncio.timeout(_OPENING_BOUND_SECONDS):
                stream = await self._link.open(0)
            await self._serve(stream)
        except (TransportError, TimeoutError) as error:
            _log.debug("a client's connection ended: %s", error)
        finally:
            await self._link.aclose()
            self.gone.set()

    async def _serve(self, stream: EnvelopeStream) -> None:
        frames = read_frames(stream)
        hello = await anext(frames, None)
        if hello is None or hello.WhichOneof("kind") != "hello":
            raise ProtocolError("the client did not say hello")
        self._writer = FrameWriter(stream)
        for frame in [self._goodbye()] if self._reason else [Frame(welcome=self._welcome()), *self._early]:
            self._writer.post(frame)
        try:
            async with asyncio.TaskGroup() as tasks:
                sending = tasks.create_task(self._writer.run(), name="frames to the client")
                reading = tasks.create_task(self._read(frames, tasks), name="frames from the client")
                over = tasks.create_task(self._over.wait(), name="goodbye")
                await asyncio.wait([reading, over], return_when=asyncio.FIRST_COMPLETED)
                await self._cancel_calls()
                await self._flush()
                for task in (sending, reading, over, *self._letting_go):
                    task.cancel()
        except* TransportError as group:
            _log.debug("a client's connection ended: %s", group.exceptions[0])

    def _goodbye(self) -> Frame:
        return Frame(goodbye=Goodbye(reason=self._reason))

    async def _flush(self) -> None:
        assert self._writer is not None
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_CLOSING_BOUND_SECONDS):
                await self._writer.flushed()

    async def _cancel_calls(self) -> None:
        calls = list(self._calls.values())
        for call in calls:
            call.cancel()
        if calls:
            await asyncio.wait(calls, timeout=_CLOSING_BOUND_SECONDS)

    async def _read(self, frames: Any, tasks: asyncio.TaskGroup) -> None:
        async for frame in frames:
            match frame.WhichOneof("kind"):
                case "call":
                    self._begin(frame.call, tasks)
                case "call_cancel":
                    running = self._calls.get(frame.call_cancel.id)
                    if running is not None:
                        running.cancel()
                case kind:
                    raise ProtocolError(f"the client sent a frame that only an exporter sends: {kind}")

    def _begin(self, call: Call, tasks: asyncio.TaskGroup) -> None:
        if call.id in self._calls:
            raise ProtocolError(f"the client used the call id {call.id} twice")
        if len(self._calls) >= _CALLS_AT_ONCE:
            raise ProtocolError(f"the client has {_CALLS_AT_ONCE} calls running at once, which is the most")
        task = tasks.create_task(self._run(call), name=f"call {call.id} {call.method}")
        self._calls[call.id] = task
        task.add_done_callback(lambda _: self._calls.pop(call.id, None))

    async def _run(self, call: Call) -> None:
        """Runs one call to its result frame. Cancelled, it says so to the client."""
        assert self._writer is not None
        try:
            invocation = self._dispatcher.prepare(call.driver_uuid, call.method, call.arguments)
            result = CallResult(id=call.id, value=await self._work(call, invocation))
            if result.ByteSize() > FRAME_BYTES:
                raise ValueError(f"its result has more than {FRAME_BYTES} bytes, which is the most; use a byte stream")
        except asyncio.CancelledError:
            cancelled = errors.CallCancelled(f"{call.method} was cancelled")
            self._writer.post(Frame(call_result=CallResult(id=call.id, error=outcomes.told(cancelled))))
            raise
        except errors.DriverError as error:
            result = CallResult(id=call.id, error=outcomes.told(error))
        except Exception as error:  # noqa: BLE001 - a driver's own code: what it raises is the call's outcome
            _log.info("%s raised", call.method, exc_info=error)
            result = CallResult(id=call.id, error=outcomes.told(error))
        await self._writer.send(Frame(call_result=result))

    async def _work(self, call: Call, invocation: Invocation) -> bytes:
        work: dict[MethodKind, Callable[[Call, Invocation], Coroutine[Any, Any, bytes]]] = {
            MethodKind.CALL: self._call,
            MethodKind.STREAMING: self._call_streaming,
            MethodKind.STREAM: self._serve_stream,
        }
        return await work[invocation.method.kind](call, invocation)

    async def _call(self, call: Call, invocation: Invocation) -> bytes:  # noqa: ARG002 - one signature for all kinds
        return await self._dispatcher.call(invocation)

    async def _call_streaming(self, call: Call, invocation: Invocation) -> bytes:
        assert self._writer is not None
        async for item in self._dispatcher.items(invocation):
            await self._writer.send(Frame(call_item=CallItem(id=call.id, value=item)))
        return b"null"

    async def _serve_stream(self, call: Call, invocation: Invocation) -> bytes:
        assert self._writer is not None
        if call.stream == 0:
            raise errors.BadArguments(f"{call.method} is a byte stream: it is opened, not called")
        stream = await self._link.open(call.stream, bulk=call.bulk)
        try:
            await self._writer.send(Frame(call_opened=CallOpened(id=call.id)))
            result = await self._dispatcher.serve_stream(invocation, LinkedByteStream(stream))
            await stream.send_end()
        except asyncio.CancelledError:
            await stream.aclose()
            raise
        except Exception as error:
            await stream.reset(str(error))
            raise
        self._let_go(stream)
        return result

    def _let_go(self, stream: EnvelopeStream) -> None:
        """Closes a stream that has ended, once the client has had all of it and closes its end."""

        async def drain() -> None:
            with contextlib.suppress(TransportError, TimeoutError):
                async with asyncio.timeout(_LETTING_GO_BOUND_SECONDS):
                    while await stream.receive() is not None:
                        pass
                    await stream.receive()
            await stream.aclose()

        task = asyncio.create_task(drain(), name="a stream's end")
        self._letting_go.add(task)
        task.add_done_callback(self._letting_go.discard)
