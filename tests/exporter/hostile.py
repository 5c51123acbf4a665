"""Drivers that do what no driver should."""

import asyncio
import contextlib
import os
import sys
import threading
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Self

from jumplab.driver import ByteStream, Driver, DriverInterface, stream


class Odd(BaseException):
    """No Exception, and nobody's."""


RAISED: dict[str, type[BaseException]] = {
    "SystemExit": SystemExit,
    "KeyboardInterrupt": KeyboardInterrupt,
    "Odd": Odd,
    "GeneratorExit": GeneratorExit,
    "CancelledError": asyncio.CancelledError,
    "StopIteration": StopIteration,
    "RecursionError": RecursionError,
}


class HostileInterface(DriverInterface):
    """What its driver does wrong when it is asked."""

    async def fail(self, kind: str) -> None: ...
    async def fail_in_thread(self, kind: str) -> None: ...
    def fail_in_items(self, kind: str) -> AsyncIterator[int]: ...
    async def fail_behind(self, kind: str) -> None: ...
    async def fail_in_callback(self, kind: str) -> None: ...
    async def stop_the_loop(self) -> None: ...
    async def block(self, seconds: float) -> None: ...
    async def spin(self) -> None: ...
    async def swallow(self, until: str) -> None: ...
    async def leave_task(self) -> None: ...
    async def leave_thread(self, until: str) -> None: ...
    async def print_much(self) -> int: ...
    async def fork(self) -> int: ...
    @stream
    async def fail_in_stream(self, channel: ByteStream, kind: str) -> None: ...


class Hostile(HostileInterface, Driver):
    """in_constructor, in_set_up, in_tear_down: what is raised there.  until: its set-up or tear-down takes no notice of
    being cancelled before this file is there.
    """

    in_constructor: str = ""
    in_set_up: str = ""
    in_tear_down: str = ""
    group_fails: bool = False

    def __init__(self, **configuration: Any) -> None:
        super().__init__(**configuration)
        if self.in_constructor:
            raise RAISED[self.in_constructor]

    async def __aenter__(self) -> Self:
        if self.in_set_up:
            raise RAISED[self.in_set_up]
        self._group = asyncio.TaskGroup()
        await self._group.__aenter__()
        return self

    async def __aexit__(self, *args: Any) -> None:
        await self._group.__aexit__(*args)
        if self.in_tear_down:
            raise RAISED[self.in_tear_down]

    async def fail(self, kind: str) -> None:
        if kind == "in its task group":
            self._group.create_task(_raise("Odd"))
            return
        raise RAISED[kind]

    def fail_in_thread(self, kind: str) -> None:  # type: ignore[override] # a plain function runs in a thread
        raise RAISED[kind]

    async def fail_in_items(self, kind: str) -> AsyncIterator[int]:
        yield 1
        raise RAISED[kind]

    async def fail_behind(self, kind: str) -> None:
        self._task = asyncio.create_task(_raise(kind))
        await asyncio.sleep(0.1)

    async def fail_in_callback(self, kind: str) -> None:
        def fail() -> None:
            raise RAISED[kind]

        asyncio.get_running_loop().call_soon(fail)
        await asyncio.sleep(0.1)

    async def stop_the_loop(self) -> None:
        asyncio.get_running_loop().stop()
        await asyncio.sleep(0.1)

    async def block(self, seconds: float) -> None:
        time.sleep(seconds)  # noqa: ASYNC251 - that is what is wrong with it

    async def spin(self) -> None:
        while True:
            with contextlib.suppress(Exception):
                _count()

    async def swallow(self, until: str) -> None:
        while not Path(until).exists():  # noqa: ASYNC240 - a test's
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(0.05)

    async def leave_task(self) -> None:
        self._left = asyncio.create_task(_wait_for_ever())

    async def leave_thread(self, until: str) -> None:
        threading.Thread(target=self._poll, args=(until,), name="the poller").start()

    def _poll(self, until: str) -> None:
        while not Path(until).exists():
            time.sleep(0.05)

    async def print_much(self) -> int:
        for _ in range(10_000):
            print("word " * 20)
            print("word " * 20, file=sys.stderr)
        return os.getpid()

    async def fork(self) -> int:
        child = os.fork()
        if not child:
            while True:
                time.sleep(1)  # noqa: ASYNC251 - it is alone in its process
        return child

    @stream
    async def fail_in_stream(self, channel: ByteStream, kind: str) -> None:
        raise RAISED[kind]


async def _raise(kind: str) -> None:
    raise RAISED[kind]


async def _wait_for_ever() -> None:
    await asyncio.Event().wait()


def _count() -> int:
    return sum(range(1000))
