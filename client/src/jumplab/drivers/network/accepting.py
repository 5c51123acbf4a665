"""Connections of the device that are led to one target on the client's side."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from jumplab.driver import AsyncDriverClient, Portal, ResultStream
from jumplab.driver.errors import DriverError, SessionEnded, StreamReset
from jumplab.drivers.network.forwarding import Notify, carry
from jumplab.drivers.network.frames import FramedStream
from jumplab.drivers.network.joining import reset
from jumplab.drivers.network.targets import CONNECTING_SECONDS, Target

_SPARE = 2
"""How many streams wait for the device: one that is taken is replaced at once, so that connections hardly wait."""
_PAUSE_SECONDS = 1.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Accepting:
    """Where the device connects to: host and port in its network."""

    host: str
    port: int
    _over: "asyncio.Future[None]"

    async def wait(self) -> None:
        """Waits until no connection can come any more, without a bound. Raises SessionEnded then."""
        await asyncio.shield(self._over)


class PlainAccepting:
    """An Accepting for plain code."""

    def __init__(self, accepting: Accepting, portal: Portal) -> None:
        self.host = accepting.host
        self.port = accepting.port
        self._accepting = accepting
        self._portal = portal

    def wait(self) -> None:
        """Waits until no connection can come any more, without a bound. Raises SessionEnded then."""
        self._portal.run(self._accepting.wait())


@asynccontextmanager
async def accepted(listener: AsyncDriverClient, to: str, notify: Notify = _log.warning) -> AsyncIterator[Accepting]:
    """Accepts through any client of a ListenerInterface. The arguments are those of AsyncListenerClient.accept."""
    target = Target.parse(to)
    host, _, port = (await listener.call("address")).rpartition(":")
    acceptor = _Acceptor(listener, target, to, notify)
    serving = asyncio.create_task(acceptor.serve(), name=f"connections from {listener.path}")
    try:
        await acceptor.ready
        yield Accepting(host.strip("[]"), int(port), acceptor.over)
    finally:
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)
        await acceptor.close()


class _Acceptor:
    """Keeps streams waiting for the device, and leads each connection to the target.

    ready: done once the first of them waits; has the error of one that can't.  over: has the error where none can wait
    any more.
    """

    def __init__(self, listener: AsyncDriverClient, target: Target, to: str, notify: Notify) -> None:
        self._listener = listener
        self._target = target
        self._to = to
        self._notify = notify
        self._spare = asyncio.Semaphore(_SPARE)
        self._running: set[asyncio.Task[None]] = set()
        self._told = ""
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def serve(self) -> None:
        while True:
            await self._spare.acquire()
            task = asyncio.create_task(self._accept(), name=f"a connection from {self._listener.path}")
            self._running.add(task)
            task.add_done_callback(self._running.discard)

    async def close(self) -> None:
        """Ends those that wait, and resets those that are joined."""
        left = list(self._running)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    async def _accept(self) -> None:
        """One stream, from its begin over its wait to the end of the connection."""
        peer = ""
        try:
            async with self._listener.open("accept") as stream:
                framed = FramedStream(stream)
                peer = await self._peer(framed, stream)
                self._spare.release()
                await self._lead(framed, stream)
        except (DriverError, OSError, ValueError) as error:  # ValueError: messages that are none
            if peer:
                self._notify(f"a connection from {peer} to {self._to} was cut: {error}")
            elif not self.ready.done():
                self.ready.set_exception(error)
            elif isinstance(error, SessionEnded):
                self._tell(f"{self._listener.path} accepts no more: {error}")
                self._end(error)
            else:
                self._tell(f"{self._listener.path} accepts nothing at present: {error}")
                await asyncio.sleep(_PAUSE_SECONDS)
                self._spare.release()

    async def _peer(self, framed: FramedStream, stream: ResultStream) -> str:
        """Waits for a connection: the device's address."""
        if await framed.receive_frame() is not None:
            if not self.ready.done():
                self.ready.set_result(None)
            if peer := await framed.receive_frame():
                return peer.decode(errors="replace")
        await stream.result()
        raise StreamReset("the driver has ended the stream")

    async def _lead(self, framed: FramedStream, stream: ResultStream) -> None:
        try:
            reader, writer = await self._target.connected()
        except TimeoutError as error:
            raise ConnectionError(f"the target did not answer within {CONNECTING_SECONDS:g} s") from error
        except OSError as error:
            raise ConnectionError(f"the target can't be reached: {error.strerror or error}") from error
        try:
            await carry(framed, stream.result, reader, writer)
        finally:
            reset(writer)  # where it has not ended in order

    def _end(self, error: SessionEnded) -> None:
        if not self.over.done():
            self.over.set_exception(error)
            self.over.exception()  # who does not wait for it has been told

    def _tell(self, sentence: str) -> None:
        """Once, not at each try."""
        if sentence != self._told:
            self._told = sentence
            self._notify(sentence)
