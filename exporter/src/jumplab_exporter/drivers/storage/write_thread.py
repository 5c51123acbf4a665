"""Runs a write in a thread of its own, fed by the event loop: by one stream, or by several after another."""

import asyncio
import contextvars
from collections.abc import Awaitable, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from jumplab.driver.progressing import reporter
from jumplab.drivers.storage import Digest
from jumplab_exporter.drivers.storage import qcow2
from jumplab_exporter.drivers.storage.writing import Write

_ABANDONING_BOUND_SECONDS = 20.0


class RunningWrite:
    """A write from its begin to its end.  is_kept: whether it was interrupted, and can be gone on with.

    A device that hangs keeps its thread, and nobody else.
    """

    def __init__(self, write: Write) -> None:
        loop, context = asyncio.get_running_loop(), contextvars.copy_context()
        self.write = write
        self.is_kept = False
        self._conversion = _Conversion(loop)
        self._taken_over = asyncio.Event()
        self._released = asyncio.Event()
        thread = ThreadPoolExecutor(1, thread_name_prefix="storage")
        self._running = loop.run_in_executor(thread, context.run, write.run, self._conversion)
        self._running.add_done_callback(_note_outcome)
        thread.shutdown(wait=False)

    async def feed(self, receive: Callable[[], Awaitable[bytes]], warn: Callable[[str, str], None]) -> Digest:
        """Writes what one stream brings. Raises as Write.run, and ConnectionError where the stream broke.

        Interrupted, it warns how much was written, once the thread has let go of the disk.
        """
        self.is_kept = False
        self._taken_over.clear()
        self._released.clear()
        self.write.on_progress = reporter()
        self.write.upload.resume()
        filling = asyncio.create_task(self.write.upload.fill(receive), name="an upload")
        taking_over = asyncio.create_task(self._taken_over.wait(), name="whether another goes on with an upload")
        try:
            causes: set[asyncio.Future[Any]] = {self._running, filling, taking_over}
            await asyncio.wait(causes, return_when=asyncio.FIRST_COMPLETED)
            if reason := self._interruption(filling):
                await self._hold(filling)
                warn("a write was interrupted; %s", self.write.describe_written())
                raise ConnectionError(f"the upload was interrupted: {reason}; {self.write.describe_written()}")
            return await asyncio.shield(self._running)
        except asyncio.CancelledError:
            await self._hold(filling)
            warn("a write was interrupted; %s", self.write.describe_written())
            raise
        finally:
            taking_over.cancel()
            filling.cancel()
            await asyncio.wait([filling, taking_over])

    def release(self) -> None:
        """The disk is closed, until the next `feed`."""
        self._released.set()

    async def take_over(self) -> None:
        """Interrupts the stream that feeds it, if there is one, and waits until that has left the disk."""
        self._taken_over.set()
        await self._released.wait()

    def abandon(self) -> None:
        """Nobody goes on with it."""
        self.is_kept = False
        self.write.upload.abandon()
        self._conversion.cancel()

    def _interruption(self, filling: "asyncio.Task[Exception | None]") -> str:
        if self._running.done():
            return ""
        if filling.done():
            error = filling.result()
            return "" if error is None else str(error)
        return "another client goes on with it"

    async def _hold(self, filling: "asyncio.Task[Exception | None]") -> None:
        """Has the thread wait where it is, or ends it. Either way it is not at the disk any more."""
        filling.cancel()
        await asyncio.wait([filling])
        upload = self.write.upload
        if not self.write.order.is_fetched and upload.pause():
            parking = asyncio.create_task(upload.parked.wait(), name="a write that is interrupted")
            either: set[asyncio.Future[Any]] = {parking, self._running}
            await asyncio.wait(either, timeout=_ABANDONING_BOUND_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            parking.cancel()
            await asyncio.wait([parking])
            if upload.parked.is_set() and not self._running.done():
                self.is_kept = True
                return
        self.abandon()
        await asyncio.wait([self._running], timeout=_ABANDONING_BOUND_SECONDS)


def _note_outcome(running: "asyncio.Future[Digest]") -> None:
    """It may have been abandoned: then nobody wants to know how it ended."""
    if not running.cancelled():
        running.exception()


class _Conversion:
    """Converts a qcow2 image in the event loop, where child processes are, for the thread that waits for it."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._running: Future[None] | None = None

    def __call__(self, image: int, content: int, size_bytes: int) -> None:
        self._running = asyncio.run_coroutine_threadsafe(qcow2.convert(image, content, size_bytes), self._loop)
        self._running.result()

    def cancel(self) -> None:
        if self._running is not None:
            self._running.cancel()
