"""An event loop in a thread, for clients in plain code."""

import asyncio
import threading
from collections.abc import AsyncIterator, Coroutine, Iterator
from concurrent.futures import CancelledError, Future
from contextlib import AbstractAsyncContextManager, contextmanager
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

from jumplab import event_loop
from jumplab.driver.errors import SessionEnded
from jumplab.driver.guard import current_guard

T = TypeVar("T")

_ENDING_BOUND_SECONDS = 30.0
_LOOK_SECONDS = 1.0
"""Python notices a signal only after a wait where it comes in the moment before: so no wait is longer."""


class Portal:
    """Runs coroutines in an event loop of its own, from any thread but that one.

    `with Portal() as portal` starts the thread and ends it; what still runs then is cancelled. Interrupting a wait
    (Ctrl-C) cancels what was waited for, waits up to half a minute for its end, and raises KeyboardInterrupt.
    """

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._started = threading.Event()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(
            target=lambda: event_loop.run(self._serve()), name="jumplab portal", daemon=True
        )

    @classmethod
    def of_running_loop(cls) -> Self:
        """One for threads of this event loop: it has no thread of its own, and is neither entered nor left."""
        portal = cls()
        portal._loop = asyncio.get_running_loop()
        return portal

    def __enter__(self) -> Self:
        self._thread.start()
        self._started.wait()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._started.set()
        await self._stop.wait()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Waits for the coroutine: its result, or what it raised."""
        running, guard = self.begin(work), current_guard()
        if guard is not None:
            guard.begin_wait(running.cancel)
        try:
            while not running.ended.acquire(timeout=_LOOK_SECONDS):
                pass
        except KeyboardInterrupt:
            running.cancel()
            running.ended.acquire(timeout=_ENDING_BOUND_SECONDS)
            raise
        finally:
            if guard is not None:
                guard.end_wait()
        if guard is not None:
            guard.check()
        return running.result()

    def begin(self, work: Coroutine[Any, Any, T], name: str = "") -> "Running[T]":
        """Begins it, and does not wait. Raises SessionEnded where the portal was left."""
        if self._loop is None or self._loop.is_closed():
            work.close()
        return Running(work, name, self._open_loop())

    def iterate(self, items: AsyncIterator[T]) -> Iterator[T]:
        """The items of an asynchronous iterator, which is closed when the iteration ends, however it does."""

        async def following() -> tuple[bool, T | None]:
            try:
                return True, await anext(items)
            except StopAsyncIteration:
                return False, None

        try:
            while (step := self.run(following()))[0]:
                yield step[1]  # type: ignore[misc] # None only where T is
        finally:
            closing = getattr(items, "aclose", None)
            if closing is not None:
                self.run(closing())

    @contextmanager
    def entered(self, context: AbstractAsyncContextManager[T]) -> Iterator[T]:
        """An asynchronous context as a plain one. It is entered and left in one task, as task groups want it."""
        ready: Future[T] = Future()
        is_ready = threading.Event()
        ready.add_done_callback(lambda _: is_ready.set())
        leave = asyncio.Event()
        left = threading.Event()

        async def run_context() -> None:
            try:
                async with context as value:
                    ready.set_result(value)
                    await leave.wait()
            except BaseException as error:
                if ready.done():
                    raise
                ready.set_exception(error)
            finally:
                left.set()

        loop, guard = self._open_loop(), current_guard()
        running = asyncio.run_coroutine_threadsafe(run_context(), loop)
        if guard is not None:
            guard.begin_wait(running.cancel)
        try:
            while not is_ready.wait(_LOOK_SECONDS):
                pass
            value = ready.result()
        except KeyboardInterrupt:
            running.cancel()
            left.wait(_ENDING_BOUND_SECONDS)
            raise
        except (CancelledError, asyncio.CancelledError):
            if guard is not None:
                guard.check()
            raise
        finally:
            if guard is not None:
                guard.end_wait()
        try:
            yield value
        finally:
            loop.call_soon_threadsafe(leave.set)
            running.result()

    def _open_loop(self) -> asyncio.AbstractEventLoop:
        if self._loop is None or self._loop.is_closed():
            raise SessionEnded("this session is closed; its clients can't be used any more")
        return self._loop


class Running(Generic[T]):
    """What runs in a portal's event loop for a thread; a future of `concurrent.futures` takes twice the time.

    ended: can be acquired, once, when it has.
    """

    def __init__(self, work: Coroutine[Any, Any, T], name: str, loop: asyncio.AbstractEventLoop) -> None:
        self._work = work
        self._name = name or None
        self._loop = loop
        self._task: asyncio.Task[T] | None = None
        self.ended = threading.Lock()
        self.ended.acquire()
        loop.call_soon_threadsafe(self._begin)

    def cancel(self) -> None:
        """Cancels it; nothing where it has ended."""
        self._loop.call_soon_threadsafe(lambda: self._task and self._task.cancel())

    def result(self) -> T:
        """Its result, or what it raised; once it has ended. Raises CancelledError where the portal was left."""
        assert self._task is not None
        if self._task.cancelled():
            raise CancelledError
        return self._task.result()

    def _begin(self) -> None:
        self._task = self._loop.create_task(self._work, name=self._name)
        self._task.add_done_callback(lambda _: self.ended.release())
