"""In which order the work is done."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from jumplab_operator.clock import SystemClock
from jumplab_operator.errors import ApiRefused, ApiUnreachable
from jumplab_operator.reconcile.context.workqueue import WorkQueue


async def done(queue: WorkQueue, count: int) -> list[str]:
    """The first so many objects that a worker comes to."""
    seen: list[str] = []
    enough = asyncio.Event()

    async def note(uid: str) -> None:
        seen.append(uid)
        if len(seen) == count:
            enough.set()

    worker = asyncio.create_task(queue.work(note))
    async with asyncio.timeout(240):
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


async def test_what_is_due_comes_as_patient_as_it_was_asked_for() -> None:
    queue, clock = WorkQueue(SystemClock()), SystemClock()
    queue.add_at("patient", clock.now(), patient=True)
    queue.add_at("hurried", clock.now())
    keeping = asyncio.create_task(queue.keep_time())
    await asyncio.sleep(0)
    assert await done(queue, 2) == ["hurried", "patient"]
    keeping.cancel()
    await asyncio.wait([keeping])


async def test_what_many_ask_for_is_done_once_and_all_are_told() -> None:
    queue = WorkQueue(SystemClock())
    asking = [asyncio.create_task(queue.done("it")) for _ in range(3)]
    given_up = asyncio.create_task(queue.done("other"))
    await asyncio.sleep(0)
    given_up.cancel()
    assert await done(queue, 2) == ["it", "other"]
    async with asyncio.timeout(240):
        await asyncio.gather(*asking)


async def test_who_asks_is_told_of_a_refusal_but_not_of_a_conflict() -> None:
    queue, answers = WorkQueue(SystemClock()), [409, 0, 422]

    async def answer(_: str) -> None:
        if status := answers.pop(0):
            raise ApiRefused(status, f"refused with {status}")

    tasks = [asyncio.create_task(it) for it in (queue.work(answer), queue.keep_time())]
    async with asyncio.timeout(240):
        await queue.done("it")
        with pytest.raises(ApiRefused, match="refused with 422"):
            await queue.done("it")
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)


async def test_what_somebody_else_works_on_holds_nobody_up_and_is_done_after() -> None:
    queue = WorkQueue(SystemClock())
    async with queue.holding("it"):
        queue.add("it")
        queue.add("other")
        assert await done(queue, 1) == ["other"]
    assert await done(queue, 1) == ["it"]


async def test_it_is_calm_once_only_what_is_patient_waits() -> None:
    queue = WorkQueue(SystemClock())
    queue.add("patient", patient=True)
    await queue.calm(timedelta(hours=1))
    queue.add("hurried")
    waiting = asyncio.create_task(queue.calm(timedelta(hours=1)))
    await asyncio.sleep(0)
    assert not waiting.done()
    await queue.calm(timedelta(0))  # it has a bound
    assert await done(queue, 2) == ["hurried", "patient"]
    async with asyncio.timeout(240):
        await waiting


async def test_what_fails_and_comes_up_again_by_its_failing_is_soon_left_to_its_next_try() -> None:
    queue, tries = WorkQueue(SystemClock()), 0

    async def fail(uid: str) -> None:
        nonlocal tries
        tries += 1
        queue.add_unless_failing(uid)
        raise ApiUnreachable("the API is away")

    queue.add("it")
    worker = asyncio.create_task(queue.work(fail))
    for _ in range(1000):
        await asyncio.sleep(0)
    assert tries == 4, "nobody keeps time here: the next try never comes"
    keeping = asyncio.create_task(queue.keep_time())
    async with asyncio.timeout(240):
        while tries < 5:  # noqa: ASYNC110 - nobody is told
            await asyncio.sleep(0.01)
    for task in (worker, keeping):
        task.cancel()
    await asyncio.wait([worker, keeping])
