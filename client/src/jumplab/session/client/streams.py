"""What a running call is to its client: a result to come, items, a byte stream."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from jumplab.driver import errors
from jumplab.driver.progressing import Progress, listener
from jumplab.session.bytestream import LinkedByteStream
from jumplab.session.inline_stream import InlineStream
from jumplab.session.items import ReceivedItems
from jumplab.transport.backoff import Backoff
from jumplab.transport.errors import TransportError
from jumplab.transport.links import EnvelopeStream, Link

_REASON_BOUND_SECONDS = 5.0


class RunningCall:
    """One call on its way.

    result: JSON, or the error it ended with.  opened: of a byte stream, set when its driver is ready.  items: of a
    streaming call.  carried: of a byte stream that has no number.  on_progress: who wants to hear how far it is.
    """

    def __init__(self, path: str, method: str) -> None:
        self.path = path
        self.method = method
        self.result: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self.opened: asyncio.Future[None] | None = None
        self.items: ReceivedItems | None = None
        self.carried: InlineStream | None = None
        self.on_progress = listener()

    @property
    def failed(self) -> bool:
        """Whether it has ended with an error."""
        return self.result.done() and not self.result.cancelled() and self.result.exception() is not None

    def open(self) -> None:
        """The byte stream's driver is ready."""
        if self.opened is not None and not self.opened.done():
            self.opened.set_result(None)

    def add_item(self, item: bytes | None) -> None:
        """An item has come; None: no more will."""
        if self.items is not None:
            self.items.put(item)

    def report_progress(self, progress: Progress) -> None:
        """How far the call is. What the listener raises is no concern of the session's."""
        if self.on_progress is not None:
            asyncio.get_running_loop().call_soon(self.on_progress, progress)

    def finish(self, outcome: bytes | errors.DriverError) -> None:
        """The call has ended."""
        if not self.result.done():
            if isinstance(outcome, bytes):
                self.result.set_result(outcome)
            else:
                self.result.set_exception(outcome)
                self.result.exception()  # somebody who no longer waits for it need not hear of it
        self.open()
        self.add_item(None)


class DriverStream(LinkedByteStream):
    """A driver's byte stream, at its client: a jumplab.driver.ResultStream.

    reopened: gives the next connection where one was lost; may raise TransportError, then it is asked again.
    """

    def __init__(self, call: RunningCall, backoff: Backoff, reopened: Callable[[], Awaitable[EnvelopeStream]]) -> None:
        super().__init__(self._next)
        self._call = call
        self._backoff = backoff
        self._reopened = reopened

    async def result(self) -> bytes:
        return await asyncio.shield(self._call.result)

    async def send(self, data: bytes) -> None:
        try:
            await super().send(data)
        except errors.StreamReset as reset:
            raise await self._reason_of(reset) from reset

    async def receive(self) -> bytes:
        try:
            return await super().receive()
        except errors.StreamReset as reset:
            raise await self._reason_of(reset) from reset

    async def _reason_of(self, reset: errors.StreamReset) -> errors.DriverError:
        """Where the driver gives the stream up, the error that it raised says why; either of the two may come first."""
        try:
            async with asyncio.timeout(_REASON_BOUND_SECONDS):
                await self.result()
        except errors.CallFailed as failure:
            return failure
        except (errors.DriverError, TimeoutError):
            pass
        return reset

    async def first(self, link: Link, number: int, *, bulk: bool) -> tuple[EnvelopeStream, bool]:
        """The stream's first connection, and whether it is the one that the call names, not one that follows it."""
        try:
            return await link.open(number, bulk=bulk), True
        except TransportError:
            return await self._next(), False

    @asynccontextmanager
    async def running(self, stream: EnvelopeStream, *, fresh: bool) -> AsyncIterator[None]:
        """Serves the stream while the context lasts, as `run` does; the end of the call ends it too."""
        task = asyncio.create_task(
            self.run(stream, fresh=fresh), name=f"byte stream of {self._call.path}.{self._call.method}"
        )
        self._call.result.add_done_callback(self._apply_outcome)
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def _apply_outcome(self, result: "asyncio.Future[bytes]") -> None:
        failure = None if result.cancelled() else result.exception()
        if isinstance(failure, errors.DriverError):
            self.close(failure)
        elif not result.cancelled():
            self.drop_what_is_sent()  # the driver's method has returned; what it has sent is still to come

    async def _next(self) -> EnvelopeStream:
        while not (self.ended_by_peer and self._call.result.done()):
            await self._backoff.wait()
            try:
                return await self._reopened()
            except TransportError:
                continue
        raise errors.SessionEnded(f"{self._call.path}.{self._call.method} has ended the byte stream")
