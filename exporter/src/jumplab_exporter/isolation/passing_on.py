"""Calls, items and byte streams, passed on to a driver in another process over its session."""

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing, contextmanager, nullcontext
from typing import Any, NoReturn

from jumplab.driver import ByteStream, ResultStream, errors, on_progress
from jumplab.driver.interface import Method
from jumplab.driver.progressing import Progress, reporter
from jumplab.protocol.sizes import format_size
from jumplab_exporter.isolation.supervisor import Running, Supervisor

_CALLS_AT_ONCE = 1000
_ARGUMENTS_BYTES = 60 << 20
"""Less than what a session may have, since a session that has more is ended."""

_LOST = (errors.SessionLost, errors.SessionEnded, errors.StreamReset)


class Passage:
    """All calls to the drivers of one process, over its present session."""

    def __init__(self, supervisor: Supervisor, memory_bytes: int | None) -> None:
        self._supervisor = supervisor
        self._memory_bytes = memory_bytes
        self._calls = 0
        self._arguments_bytes = 0

    async def call(self, uuid: str, method: str, arguments: bytes) -> bytes:
        """Raises what the driver has raised; ConnectionError, with the cause, where its process has ended."""
        with self._counted(arguments):
            running = await self._supervisor.running()
            try:
                with _progress_passed_on():
                    return await running.session.call(uuid, method, arguments)
            except errors.DriverError as error:
                await self._fail(error, running, method)

    async def items(self, uuid: str, method: str, arguments: bytes) -> AsyncGenerator[bytes, None]:
        """As `call`, for a streaming call."""
        with self._counted(arguments):
            running = await self._supervisor.running()
            try:
                produced = running.session.call_streaming(uuid, method, arguments)
                async with aclosing(produced):
                    async for item in produced:
                        yield item
            except errors.DriverError as error:
                await self._fail(error, running, method)

    async def stream(self, uuid: str, method: Method, arguments: bytes, near: ByteStream) -> bytes:
        """As `call`, for a byte stream, whose bytes are passed on both ways."""
        with self._counted(arguments):
            running = await self._supervisor.running()
            try:
                with _progress_passed_on():
                    async with running.session.open(uuid, method.name, arguments, bulk=method.bulk) as far:
                        return await _joined(near, far)
            except errors.DriverError as error:
                await self._fail(error, running, method.name)

    async def check(self, arguments: bytes) -> None:
        """The health check of a driver. Raises as `call`."""
        running = await self._supervisor.running()
        try:
            await running.session.call(running.control, "check_driver", arguments)
        except errors.DriverError as error:
            await self._fail(error, running, "check_driver")

    async def _fail(self, error: errors.DriverError, running: Running, method: str) -> NoReturn:
        """Raises the error as the driver's own code would have, had it run here."""
        if isinstance(error, _LOST) and (running.session.life.is_over or running.end.done()):
            cause = await asyncio.shield(running.end)
            sentence = f"the process of {self._supervisor.title} {cause}; whether the call was carried out is unknown"
            raise ConnectionError(sentence) from error
        if not isinstance(error, errors.CallFailed):
            raise error
        message = str(error).partition(f".{method}: ")[2] or str(error)
        if error.type == "MemoryError" and self._memory_bytes is not None:
            message = f"it has used up its memory, {format_size(self._memory_bytes)} (isolate.memory)"
        raise type(error)(message, type=error.type) from error

    @contextmanager
    def _counted(self, arguments: bytes) -> Iterator[None]:
        """One more call runs. Raises OSError where there are too many, of all clients together."""
        if self._calls >= _CALLS_AT_ONCE or self._arguments_bytes + len(arguments) > _ARGUMENTS_BYTES:
            raise OSError(
                f"{self._calls} calls with {self._arguments_bytes} bytes of arguments run in the process of "
                f"{self._supervisor.title}; the most are {_CALLS_AT_ONCE} with {_ARGUMENTS_BYTES} bytes"
            )
        self._calls += 1
        self._arguments_bytes += len(arguments)
        try:
            yield
        finally:
            self._calls -= 1
            self._arguments_bytes -= len(arguments)


async def _joined(near: ByteStream, far: ResultStream) -> bytes:
    """Passes bytes on both ways until the driver's method returns: its result."""
    upward = asyncio.create_task(_copied(near, far), name="bytes to an isolated driver")
    downward = asyncio.create_task(_copied(far, near), name="bytes from an isolated driver")
    result = asyncio.ensure_future(far.result())
    waiting: set[asyncio.Future[Any]] = {upward, downward, result}
    try:
        while not result.done():
            done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for each in done - {result}:
                each.result()
        outcome = result.result()
        await downward
        return outcome
    finally:
        for task in (upward, downward, result):
            task.cancel()
        await asyncio.gather(upward, downward, result, return_exceptions=True)


async def _copied(source: ByteStream, sink: ByteStream) -> None:
    while data := await source.receive():
        await sink.send(data)
    await sink.send_end()


@contextmanager
def _progress_passed_on() -> Iterator[None]:
    """What the driver says of its progress there is said here, where somebody listens."""
    report = reporter()

    def hear(progress: Progress) -> None:
        assert report is not None
        report(progress)

    with on_progress(hear) if report is not None else nullcontext():
        yield
