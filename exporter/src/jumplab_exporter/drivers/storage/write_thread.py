"""Runs a write in a thread of its own, fed by the event loop."""

import asyncio
import contextvars
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from jumplab.drivers.storage import Digest
from jumplab_exporter.drivers.storage import qcow2
from jumplab_exporter.drivers.storage.writing import Write

_ABANDONING_BOUND_SECONDS = 20.0


async def run_write(write: Write, warn: Callable[[str, str], None]) -> Digest:
    """Raises as Write.run. Cancelled, it warns how much was written, once the thread has let go of the disk.

    A device that hangs keeps its thread, and nobody else.
    """
    loop, context = asyncio.get_running_loop(), contextvars.copy_context()
    conversion = _Conversion(loop)
    filling = asyncio.create_task(write.upload.fill(), name="an upload")
    thread = ThreadPoolExecutor(1, thread_name_prefix="storage")
    running = loop.run_in_executor(thread, context.run, write.run, conversion)
    thread.shutdown(wait=False)
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        write.upload.abandon()
        conversion.cancel()
        running.add_done_callback(_note_outcome)
        await asyncio.wait([running], timeout=_ABANDONING_BOUND_SECONDS)
        warn("a write was interrupted; %s", write.describe_written())
        raise
    finally:
        filling.cancel()
        await asyncio.wait([filling])


def _note_outcome(running: "asyncio.Future[Digest]") -> None:
    """It was abandoned: nobody wants to know how it ended."""
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
