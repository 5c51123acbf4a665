"""What a running call is to its client: a result to come, items, a byte stream."""

import asyncio
from collections.abc import Awaitable, Callable

from jumplab.driver import errors
from jumplab.session.bytestream import LinkedByteStream
from jumplab.transport.errors import TransportError
from jumplab.transport.links import EnvelopeStream


class RunningCall:
    """One call on its way.

    result: JSON, or the error it ended with.  opened: set when a byte stream's driver is ready.  items: of a streaming
    call, None at the end.
    """

    def __init__(self, path: str, method: str) -> None:
        self.path = path
        self.method = method
        loop = asyncio.get_running_loop()
        self.result: asyncio.Future[bytes] = loop.create_future()
        self.opened: asyncio.Future[None] = loop.create_future()
        self.items: asyncio.Queue[bytes | None] = asyncio.Queue()

    def finish(self, outcome: bytes | errors.DriverError) -> None:
        """The call has ended."""
        if not self.result.done():
            if isinstance(outcome, bytes):
                self.result.set_result(outcome)
            else:
                self.result.set_exception(outcome)
                self.result.exception()  # somebody who no longer waits for it need not hear of it
        if not self.opened.done():
            self.opened.set_result(None)
        self.items.put_nowait(None)


class DriverStream(LinkedByteStream):
    """A driver's byte stream, at its client: a jumplab.driver.ResultStream.

    lost: tells what a lost connection means, which the session knows.
    """

    def __init__(
        self,
        stream: EnvelopeStream,
        call: RunningCall,
        lost: Callable[[TransportError], Awaitable[errors.DriverError]],
    ) -> None:
        super().__init__(stream)
        self._call = call
        self._lost = lost

    async def result(self) -> bytes:
        return await asyncio.shield(self._call.result)

    async def meaning(self, error: TransportError) -> errors.DriverError:
        """The driver's own error where it has given one, else what the lost connection means."""
        if self._call.result.done() and self._call.result.exception() is not None:
            raised = self._call.result.exception()
            if isinstance(raised, errors.DriverError):
                return raised
        return await self._lost(error)
