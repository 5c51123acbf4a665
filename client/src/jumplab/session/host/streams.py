"""The exporter's end of one byte stream, from its call to its last acknowledged byte."""

import asyncio
import contextlib
from collections.abc import Callable

from jumplab.driver import errors
from jumplab.session.bytestream import LinkedByteStream, reset
from jumplab.session.inline_stream import InlineStream
from jumplab.transport.errors import TransportError
from jumplab.transport.links import ConnectionLost, EnvelopeStream, Link

_LETTING_GO_BOUND_SECONDS = 30.0


async def refuse_stream(link: Link, number: int, reason: str) -> None:
    """Answers a byte stream that the exporter knows nothing of (any more)."""
    with contextlib.suppress(TransportError):
        stream = await link.open(number)
        await reset(stream, reason)
        await stream.aclose()


class HostedStream:
    """A byte stream whose connections the client opens.  bytes: the stream for the driver's method.

    carried: our end among the session's frames, where it begins there.  on_data: called when the client sends bytes.
    """

    def __init__(
        self, *, bulk: bool, carried: InlineStream | None = None, on_data: Callable[[], None] = lambda: None
    ) -> None:
        self.carried = carried
        self.bytes = LinkedByteStream(self._next, on_data)
        self._bulk = bulk
        self._offered: asyncio.Queue[tuple[Link, int] | None] = asyncio.Queue()
        self._stream: EnvelopeStream | None = None
        self._running: asyncio.Task[None] | None = None

    async def open(self, link: Link | None, number: int) -> None:
        """Takes the connection that the call names; the client's next one where that is lost already.

        Without a bound: a client that does not come back is forgotten with all that it has running.
        """
        stream = self.carried or (await self._named(link, number) if link is not None else None)
        fresh = stream is not None
        self._stream = stream = stream or await self._next()
        running = self.bytes.run(stream, fresh=fresh)
        self._running = asyncio.create_task(running, name=f"byte stream {number}")

    async def reopen(self, link: Link, number: int) -> None:
        """The client has lost the connection and goes on with another."""
        self.lose_carried()
        self._offered.put_nowait((link, number))
        if self._stream is not None:
            await self._stream.aclose()

    def lose_carried(self) -> None:
        """Its bytes no longer travel among the frames."""
        if self.carried is not None:
            self.carried.lose()

    async def give_up(self, reason: str) -> None:
        """The driver's method has failed: the client's end gets the error."""
        if self._stream is not None:
            await reset(self._stream, reason)

    async def let_go(self) -> None:
        """The driver's method is done: waits until the client has everything and closes its end, or for a minute."""
        if self._running is None:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LETTING_GO_BOUND_SECONDS):
                await self.bytes.delivered.wait()
        self._offered.put_nowait(None)
        await asyncio.wait([self._running], timeout=_LETTING_GO_BOUND_SECONDS)

    async def stop(self) -> None:
        """Ends whatever is left."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)
        self.bytes.close(errors.SessionEnded("the byte stream is closed"))

    async def _named(self, link: Link, number: int) -> EnvelopeStream | None:
        if self._offered.empty():
            with contextlib.suppress(ConnectionLost):
                return await self._opened(link, number)
        return None

    async def _next(self) -> EnvelopeStream:
        """The newest connection that the client offers; older ones it has given up itself."""
        while (offer := await self._newest()) is not None:
            with contextlib.suppress(TransportError):
                if (stream := await self._opened(*offer)) is not None:
                    return stream
        raise errors.SessionEnded("the byte stream has ended")

    async def _opened(self, link: Link, number: int) -> EnvelopeStream | None:
        """The connection of that number; None where the client has offered a newer one meanwhile."""
        stream = await link.open(number, bulk=self._bulk)
        if self._offered.empty():
            self._stream = stream
            return stream
        await stream.aclose()
        return None

    async def _newest(self) -> tuple[Link, int] | None:
        offer = await self._offered.get()
        while offer is not None and not self._offered.empty():
            offer = self._offered.get_nowait()
        return offer
