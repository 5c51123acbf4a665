"""The exporter's own deadline, on a clock that the test moves."""

import asyncio

from jumplab_exporter.deadline import GRACE_SECONDS, Deadline


class Clock:
    """Seconds that pass when they are told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


async def has_passed(deadline: Deadline) -> str | None:
    """What has passed at this moment."""
    try:
        async with asyncio.timeout(0):
            return await deadline.passed()
    except TimeoutError:
        return None


async def test_it_passes_once_its_grace_is_over() -> None:
    clock = Clock()
    deadline = Deadline(clock)
    deadline.set("a", 1010)
    clock.now = 1010 + GRACE_SECONDS - 0.1
    assert await has_passed(deadline) is None
    clock.now += 0.2
    assert await has_passed(deadline) == "a"
    assert await has_passed(deadline) is None


async def test_an_extension_moves_it() -> None:
    clock = Clock()
    deadline = Deadline(clock)
    deadline.set("a", 1010)
    deadline.set("a", 2000)
    clock.now = 1500
    assert await has_passed(deadline) is None
    deadline.set("a", 1400)
    assert await has_passed(deadline) == "a"


async def test_one_that_was_dropped_never_passes() -> None:
    clock = Clock()
    deadline = Deadline(clock)
    deadline.set("a", 1010)
    deadline.drop()
    clock.now = 9000
    assert await has_passed(deadline) is None


async def test_it_wakes_who_waits() -> None:
    clock = Clock()
    deadline = Deadline(clock)
    waiting = asyncio.create_task(deadline.passed())
    await asyncio.sleep(0)
    deadline.set("a", 900)
    async with asyncio.timeout(240):
        assert await waiting == "a"
