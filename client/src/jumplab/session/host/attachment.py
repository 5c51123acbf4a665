"""One client attached to a session, over all its connections."""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Callable

from jumplab.driver import errors
from jumplab.driver.interface import MethodKind
from jumplab.protocol.v1.session_pb2 import (
    Call,
    CallItem,
    CallOpened,
    CallResult,
    Frame,
    Frames,
    Goodbye,
    Hello,
    Reopen,
    StreamEnvelope,
    Welcome,
)
from jumplab.session import call_errors
from jumplab.session.channel import FrameChannel
from jumplab.session.frames import FRAME_BYTES, UNCOUNTED, ProtocolError, is_of_a_later_version, until_let_go
from jumplab.session.host.dispatch import Dispatcher, Invocation
from jumplab.session.host.driver_logs import driver_path, traceback_of
from jumplab.session.host.keeping import is_of_driver
from jumplab.session.host.observing import NOBODY, ConnectionObserver
from jumplab.session.host.progress import sending_progress
from jumplab.session.host.pushing import Pushes
from jumplab.session.host.running import RunningCalls
from jumplab.session.host.streams import HostedStream, refuse_stream
from jumplab.session.host.usage import Usage
from jumplab.session.inline_stream import InlineStream
from jumplab.session.items import SentItems
from jumplab.session.life import SessionEvent, SessionLife
from jumplab.session.scrubbing import scrubbed
from jumplab.transport.errors import TransportError
from jumplab.transport.first_completed import first_completed
from jumplab.transport.links import EnvelopeStream, Link

_CLOSING_BOUND_SECONDS = 1.0
_RESULTS_BYTES = 64 << 20

# Raised where the client is gone, which is no news of the driver.
_GONE = (errors.StreamReset, errors.SessionLost, errors.SessionEnded, errors.CallCancelled)

_log = logging.getLogger(__name__)


class Attachment:
    """A client's calls and what it has not been told yet. Its connections come and go: each is served by `serve`.

    session: its id.  welcome: what a client is told when it attaches.
    usage: is told what the client does.
    life: its state.  connected: whether a connection is being served now, be it for the last words.
    left: set when the client has left for good, or the session has ended.  gone: set when nothing of it is left.
    """

    def __init__(self, session: str, dispatcher: Dispatcher, welcome: Callable[[], Welcome], usage: Usage) -> None:
        self.life = SessionLife(session, "host")
        self._dispatcher = dispatcher
        self._welcome = welcome
        self._usage = usage
        self._channel = FrameChannel()
        self._pushes = Pushes(self._channel)
        self._calls = RunningCalls()
        self._streams: dict[int, HostedStream] = {}
        self._items: dict[int, SentItems] = {}
        self._results_bytes = 0
        self._connection: Link | None = None
        self._observer = NOBODY
        self._reason = ""
        self._replaced = asyncio.Event()
        self._turn = asyncio.Lock()
        self.left = asyncio.Event()
        self.gone = asyncio.Event()

    @property
    def connected(self) -> bool:
        return self._connection is not None

    def push(self, frame: Frame) -> None:
        """Sends a frame that answers nothing: a log line, a change of status. What is lost of them is told."""
        self._pushes.push(frame)

    def send_goodbye(self, reason: str) -> None:
        """The session is over: calls are cancelled, the client is told why, now or when it comes back."""
        self._reason = reason
        self._channel.post_prompt(Frame(goodbye=Goodbye(reason=reason)))
        self.end()
        self._calls.cancel_all()  # here and now: the next one must not get the turn of the one that ends

    def end(self) -> None:
        """The client has left for good, or is given up: it is told nothing."""
        self.life.apply(SessionEvent.OVER)
        self.left.set()

    async def serve(
        self,
        link: Link,
        stream: EnvelopeStream,
        payloads: AsyncIterator[Frames],
        hello: Hello,
        observer: ConnectionObserver,
    ) -> None:
        """Serves one connection, whose hello has come, until it is lost, replaced, or the client has left.

        payloads: what comes on `stream` after the hello.  observer: of this connection.
        """
        self._replaced.set()
        replaced = self._replaced = asyncio.Event()
        self.life.apply(SessionEvent.CONNECTED)
        self._connection, self._observer = link, observer
        observer.attached(resumed=bool(hello.epoch))
        try:
            async with self._turn:  # the connection before this one must not take its first words
                if not replaced.is_set():
                    self._begin(hello)
                    await self._converse(stream, payloads, replaced)
        finally:
            observer.detached(left=self.life.is_over)
            if not replaced.is_set():
                self.life.apply(SessionEvent.LOST)
                self._connection = None

    def _begin(self, hello: Hello) -> None:
        """A connection begins, and with it what is said over it."""
        resumed = bool(hello.epoch)
        try:
            self._channel.connect(hello.received if resumed else 0)
        except ProtocolError as error:
            self._end_for(error)
        for hosted in self._streams.values():
            hosted.lose_carried()
        self._channel.post_prompt(self._first_words(resumed))

    async def abandoned(self, bound_seconds: float) -> bool:
        """Waits until the client comes back or leaves for good; True where it does neither in time."""
        if self.connected:
            return False  # it came back before its old connection had ended
        replaced = self._replaced
        waits = [asyncio.ensure_future(event.wait()) for event in (replaced, self.left)]
        try:
            done, _ = await asyncio.wait(waits, timeout=bound_seconds, return_when=asyncio.FIRST_COMPLETED)
            return not done
        finally:
            for wait in waits:
                wait.cancel()

    async def close(self) -> None:
        """Cancels what is left of the client's calls, and waits a moment for them; what lasts is cancelled again."""
        if calls := self._calls.cancel_all():
            _, lasting = await asyncio.wait(calls, timeout=_CLOSING_BOUND_SECONDS)
            for call in lasting:
                call.cancel()
        self.life.apply(SessionEvent.FORGOTTEN)
        self.gone.set()

    def _first_words(self, resumed: bool) -> Frame:
        if self._reason:
            return Frame(goodbye=Goodbye(reason=self._reason))
        welcome = self._welcome()
        welcome.resumed = resumed
        welcome.received = self._channel.received
        return Frame(welcome=welcome)

    async def _converse(self, stream: EnvelopeStream, payloads: AsyncIterator[Frames], replaced: asyncio.Event) -> None:
        sending = asyncio.create_task(self._channel.run(stream), name="frames to the client")
        reading = self._read(payloads)
        try:
            await first_completed(
                {"frames": reading, "sent": _ended(sending), "left": self.left.wait(), "replaced": replaced.wait()}
            )
            if self.left.is_set():
                await self._finish(sending)
        except ProtocolError as error:
            self._end_for(error)
            await self._finish(sending)
            await until_let_go(stream, _CLOSING_BOUND_SECONDS)
        except TransportError as error:
            _log.debug("a client's connection ended: %s", error)
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)

    def _end_for(self, error: ProtocolError) -> None:
        """The client does not keep to the protocol: what it would say next means nothing, so its session is over."""
        _log.warning("a client's session is ended: %s", error)
        self.send_goodbye(f"the exporter has ended this session: {error}")

    async def _finish(self, sending: "asyncio.Task[None]") -> None:
        """Cancels what runs, and lets the last words out, as long as there is somebody to hear them."""
        calls = self._calls.cancel_all()
        with contextlib.suppress(TimeoutError, TransportError):
            async with asyncio.timeout(_CLOSING_BOUND_SECONDS):
                if calls:
                    await asyncio.wait(calls)
                await first_completed({"said": self._channel.flushed(), "lost": _ended(sending)})

    async def _read(self, payloads: AsyncIterator[Frames]) -> None:
        async for payload in payloads:
            await self._handle_payload(payload)

    async def _handle_payload(self, payload: Frames) -> None:
        counted = 0
        for frame in payload.frames:
            kind = frame.WhichOneof("kind") or ""
            counted += kind not in UNCOUNTED
            match kind:
                case "call" if self.life.is_over:
                    pass  # it came too late: the goodbye answers it
                case "call":
                    call = frame.call
                    self._calls.begin(call, self._run)
                    # At once: its envelopes or, after a lost connection, its Reopen may come right behind it.
                    if call.stream or call.carried:
                        self._streams[call.id] = self._hosted(call)
                case "stream_envelope":
                    self._handle_envelope(frame.stream_envelope)
                case "call_cancel":
                    self._cancel(frame.call_cancel.id)
                case "call_taken" if frame.call_taken.id in self._items:
                    self._items[frame.call_taken.id].acknowledge(frame.call_taken.bytes)
                case "call_taken":
                    pass  # its call has ended
                case "reopen":
                    await self._reopen(frame.reopen)
                case "leave":
                    self.end()
                case _ if is_of_a_later_version(frame):
                    _log.debug("a client sent a frame of a later version, which is left aside")
                case _:
                    raise ProtocolError(f"the client sent a frame that only an exporter sends: {kind or 'unknown'}")
        self._channel.arrived(payload, counted)

    def _hosted(self, call: Call) -> HostedStream:
        carried = InlineStream(self._channel, call.id, moves=False) if call.carried else None
        return HostedStream(bulk=call.bulk, carried=carried, on_data=self._usage.note)

    def _handle_envelope(self, envelope: StreamEnvelope) -> None:
        hosted = self._streams.get(envelope.id)
        if hosted is not None and hosted.carried is not None:
            hosted.carried.put(envelope)
        elif hosted is not None or not self._calls.was_begun(envelope.id):
            raise ProtocolError(f"the client sent an envelope among the frames for call {envelope.id}, which has none")
        # else the call is over, and the client will hear of it

    def _cancel(self, call_id: int) -> None:
        if call_id in self._streams:
            self._streams[call_id].lose_carried()
        self._calls.cancel(call_id)

    async def _reopen(self, reopen: Reopen) -> None:
        hosted = self._streams.get(reopen.id)
        if self._connection is None:
            return
        if hosted is not None:
            await hosted.reopen(self._connection, reopen.stream)
        else:
            await refuse_stream(self._connection, reopen.stream, "the byte stream is over")

    async def _run(self, call: Call) -> None:
        """Runs one call to its result frame, and a byte stream to its last byte."""
        try:
            # No name for the result here: one that is dropped because nobody reads must not live on.
            await self._send_result(await self._observed(call))
            if call.id in self._streams:
                await self._streams[call.id].let_go()
        finally:
            hosted = self._streams.pop(call.id, None)
            if hosted is not None:
                await hosted.stop()

    async def _result_of(self, call: Call) -> CallResult:
        try:
            return await self._outcome(call)
        except GeneratorExit as error:  # from a future: Python closes all that waits for it, and ends up here
            if not is_of_driver(error):
                raise
            return CallResult(id=call.id, error=call_errors.to_call_error(error))

    async def _send_result(self, result: CallResult) -> None:
        """Sends a result. What a client does not read has a bound: beyond it an error takes the result's place."""
        if not self._channel.crowded:
            self._channel.post(Frame(call_result=result))
            return
        size_bytes = result.ByteSize()
        if self._results_bytes + size_bytes > _RESULTS_BYTES:
            unread = OSError(f"its result was dropped: {self._results_bytes} bytes of others were not read before")
            result = CallResult(id=result.id, error=call_errors.to_call_error(unread))
            size_bytes = 0
        self._results_bytes += size_bytes
        try:
            await self._channel.send(Frame(call_result=result))
        finally:
            self._results_bytes -= size_bytes

    async def _observed(self, call: Call) -> CallResult:
        """The call's outcome, as the observer of its connection is told, too."""
        observer, begun, error_name = self._observer, time.monotonic(), "CallCancelled"
        try:
            result = await self._result_of(call)
            error_name = result.error.type
        finally:
            if observer is not NOBODY:
                names = self._dispatcher.known_names(call.driver_uuid, call.method)
                observer.called(*names, error_name, time.monotonic() - begun)
        return result

    async def _outcome(self, call: Call) -> CallResult:
        """What the call ends with. Cancelled, it says so to the client, unless that has let go of it."""
        try:
            driver_path.set(self._dispatcher.path_of(call.driver_uuid))  # for as long as this call's task lasts
            invocation = self._dispatcher.prepare(call.driver_uuid, call.method, call.arguments)
            if call.timeout_ms or call.progress:
                value = await self._watched(call, invocation)
            else:
                value = await self._work(call, invocation)
            value = scrubbed(value)
            if len(value) > FRAME_BYTES:
                raise ValueError(f"its result has more than {FRAME_BYTES} bytes, which is the most; use a byte stream")
            return CallResult(id=call.id, value=value)
        except asyncio.CancelledError as error:
            if is_of_driver(error):
                return CallResult(id=call.id, error=call_errors.to_call_error(error))
            if self._calls.is_awaited(call.id):
                cancelled = errors.CallCancelled(f"{call.method} was cancelled")
                self._channel.post(
                    Frame(call_result=CallResult(id=call.id, error=call_errors.to_call_error(cancelled)))
                )
            raise
        except _GONE as error:
            return CallResult(id=call.id, error=call_errors.to_call_error(error))
        except BaseException as error:  # a driver's own code: what it raises is the call's outcome
            if not is_of_driver(error):
                raise
            reason = call_errors.sentence_of(error).removeprefix(f"{call.method}: ")
            of_others = call_errors.is_explained(error) and not isinstance(error, errors.DriverDefect)
            severity = logging.INFO if of_others else logging.ERROR
            _log.log(severity, "%s failed: %s", call.method, reason, exc_info=traceback_of(error, _log))
            return CallResult(id=call.id, error=call_errors.to_call_error(error))

    async def _watched(self, call: Call, invocation: Invocation) -> bytes:
        """Does the work within the caller's deadline, if it has one, and tells it how far it is, if it listens."""
        async with asyncio.timeout(call.timeout_ms / 1000 if call.timeout_ms else None):
            with sending_progress(self._channel, call.id) if call.progress else contextlib.nullcontext():
                return await self._work(call, invocation)

    async def _work(self, call: Call, invocation: Invocation) -> bytes:
        # A byte stream that stays open, such as a console, is used by what the client sends.
        method = invocation.method
        stays_open = method.kind is MethodKind.STREAM and not call.bulk
        used = contextlib.nullcontext() if stays_open or method.observes else self._usage.running()
        with used, invocation.node.state.call_running():
            match method.kind:
                case MethodKind.CALL:
                    return await self._dispatcher.call(invocation)
                case MethodKind.STREAMING:
                    return await self._call_streaming(call, invocation)
                case MethodKind.STREAM:
                    return await self._serve_stream(call, invocation)

    async def _call_streaming(self, call: Call, invocation: Invocation) -> bytes:
        sent = self._items[call.id] = SentItems(call.window_bytes)
        try:
            async with contextlib.aclosing(self._dispatcher.items(invocation)) as items:
                async for produced in items:
                    item = scrubbed(produced)
                    if len(item) > FRAME_BYTES:
                        raise ValueError(f"an item has more than {FRAME_BYTES} bytes, the most; use a byte stream")
                    await self._channel.send(Frame(call_item=CallItem(id=call.id, value=item)))
                    sent.count(item)
                    await sent.writable.wait()
        finally:
            del self._items[call.id]
        return b"null"

    async def _serve_stream(self, call: Call, invocation: Invocation) -> bytes:
        if call.stream == 0 and not call.carried:
            raise errors.BadArguments(f"{call.method} is a byte stream: it is opened, not called")
        hosted = self._streams[call.id]
        await hosted.open(self._connection, call.stream)
        self._channel.post(Frame(call_opened=CallOpened(id=call.id)))
        try:
            result = await self._dispatcher.serve_stream(invocation, hosted.bytes)
        except BaseException as error:
            if not is_of_driver(error):
                raise
            await hosted.give_up(call_errors.sentence_of(error))
            raise
        await hosted.bytes.send_end()
        return result


async def _ended(task: "asyncio.Task[None]") -> None:
    """Waits for a task, which goes on where this is cancelled."""
    await asyncio.shield(task)
