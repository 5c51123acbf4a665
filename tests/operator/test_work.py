"""In which order the work is done."""

from __future__ import annotations

import asyncio

from jumplab_operator.handlers.settings import SystemClock
from jumplab_operator.handlers.work import WorkQueue


async def done(queue: WorkQueue, count: int) -> list[str]:
    """The first so many objects that a worker comes to."""
    seen: list[str] = []
    enough = asyncio.Event()

    async def note(uid: str) -> None:
        seen.append(uid)
        if len(seen) == count:
            enough.set()

    worker = asyncio.create_task(queue.work(note))
    async with asyncio.timeout(20):
        await enough.wait()
    worker.cancel()
    await asyncio.wait([worker])
    return seen


async def test_what_is_patient_comes_after_everything_else() -> None:
    queue = WorkQueue(SystemClock())
    for number in range(3):
        queue.add(f"patient-{number}", patient=True)
    queue.add("first")
    queue.add("second")
    assert await done(queue, 5) == ["first", "second", "patient-0", "patient-1", "patient-2"]


async def test_what_can_not_wait_any_more_is_done_at_once_and_once() -> None:
    queue = WorkQueue(SystemClock())
    for uid in ("other", "it"):
        queue.add(uid, patient=True)
    queue.add("it")
    queue.add("it", patient=True)
    queue.add("last", patient=True)
    assert await done(queue, 3) == ["it", "other", "last"]
    queue.add("it", patient=True)
    assert await done(queue, 1) == ["it"]
