"""A guard ends what its thread waits for in a portal, once."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest

from jumplab.driver import Portal
from jumplab.driver.guard import Guard, Interrupted
from jumplab.driver.plain import PlainStream
from tests.driver.test_sending import Device

REASON = TimeoutError("it took too long")


@pytest.fixture
def portal() -> Iterator[Portal]:
    with Portal() as portal:
        yield portal


class Endless:
    """It goes on until it is cancelled.  cancelled: whether it was."""

    def __init__(self, guard: Guard) -> None:
        self.guard = guard
        self.cancelled = False

    async def wait(self) -> None:
        asyncio.get_running_loop().run_in_executor(None, self.guard.interrupt, REASON)
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancelled = True
            raise

    @asynccontextmanager
    async def context(self) -> AsyncIterator[None]:
        await self.wait()
        yield

    async def items(self) -> AsyncIterator[int]:
        await self.wait()
        yield 1


async def answer() -> int:
    return 42


def test_a_call_is_ended_and_those_after_it_are_not(portal: Portal) -> None:
    with Guard() as guard:
        endless = Endless(guard)
        with pytest.raises(Interrupted) as interrupted:
            portal.run(endless.wait())
        assert interrupted.value.reason is REASON
        assert endless.cancelled
        assert portal.run(answer()) == 42
        guard.interrupt(ValueError("a second reason"))
        assert portal.run(answer()) == 42
        assert guard.reason is REASON
    assert portal.run(answer()) == 42


def test_contexts_and_iterations_are_ended(portal: Portal) -> None:
    with Guard() as guard, pytest.raises(Interrupted), portal.entered(Endless(guard).context()):
        pass
    with Guard() as guard, pytest.raises(Interrupted):
        list(portal.iterate(Endless(guard).items()))


def test_what_comes_between_two_calls_ends_the_next(portal: Portal) -> None:
    with Guard() as guard:
        guard.interrupt(REASON)
        with pytest.raises(Interrupted):
            portal.run(Endless(guard).wait())
        guard.check()


def test_an_outer_guard_counts_within_an_inner_one(portal: Portal) -> None:
    with Guard() as outer, Guard():
        with pytest.raises(Interrupted):
            portal.run(Endless(outer).wait())
        assert portal.run(answer()) == 42


def test_another_thread_is_not_concerned(portal: Portal) -> None:
    answers: list[int] = []
    with Guard() as guard:
        guard.interrupt(REASON)
        thread = threading.Thread(target=lambda: answers.append(portal.run(answer())))
        thread.start()
        thread.join()
        assert answers == [42]
        with pytest.raises(Interrupted):
            guard.check()


def test_sending_more_than_is_taken_is_ended(portal: Portal) -> None:
    device = Device()
    device.open.clear()

    def flood(guard: Guard) -> None:
        with guard, PlainStream.entered(device, portal) as stream:
            threading.Thread(target=lambda: device.begun.wait() and guard.interrupt(REASON)).start()
            for _ in range(100):
                stream.send(bytes(256 << 10))

    def leave(guard: Guard) -> None:
        with guard, PlainStream.entered(device, portal) as stream:
            stream.send(b"one")
            guard.interrupt(REASON)

    try:
        for work in (flood, leave):
            with pytest.raises(Interrupted):
                work(Guard())
    finally:
        device.open.set()
