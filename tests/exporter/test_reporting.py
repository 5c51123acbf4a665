"""When the controller is told: at once of what somebody waits for, and of who comes and goes a moment later."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

from jumplab_exporter.controller import Controller
from jumplab_exporter.reporting import ReportQueue
from jumplab_exporter.reports import Report, Status

SOON = 40
"""Seconds; a bound that only a hang reaches."""


class Heard:
    """A controller that takes reports, one at a time once it is allowed to."""

    def __init__(self) -> None:
        self.messages: list[str] = []
        self.asked = asyncio.Event()
        self.allowed = asyncio.Event()
        self.allowed.set()

    async def report(self, report: Report) -> None:
        self.asked.set()
        await self.allowed.wait()
        self.messages.append(report.message)


@asynccontextmanager
async def delivering(outbox: ReportQueue) -> AsyncIterator[Heard]:
    heard = Heard()
    task = asyncio.create_task(outbox.deliver(cast(Controller, heard)))
    await asyncio.sleep(0)  # it has begun
    try:
        async with asyncio.timeout(SOON):
            yield heard
    finally:
        task.cancel()
        await asyncio.wait([task])


def said(message: str, lease_uid: str = "a") -> Report:
    return Report(Status.LEASE_READY, message, lease_uid)


async def test_who_comes_and_goes_all_the_time_is_told_of_together_with_what_cannot_wait() -> None:
    outbox = ReportQueue()
    async with delivering(outbox) as heard:
        outbox.put(said("one came"), patient=True)
        await outbox.delivered()
        for number in range(100):
            outbox.put(said(f"came or went {number}"), patient=True)
        outbox.put(said("now"))
        await outbox.delivered()
        assert heard.messages == ["one came", "now"]


async def test_the_last_of_those_that_may_wait_is_told_by_itself() -> None:
    outbox = ReportQueue()
    async with delivering(outbox) as heard:
        for number in range(100):
            outbox.put(said(f"came or went {number}"), patient=True)
        await outbox.delivered()
        assert heard.messages == ["came or went 99"]


async def test_what_may_wait_does_not_go_right_behind_what_is_being_told() -> None:
    outbox = ReportQueue()
    async with delivering(outbox) as heard:
        heard.allowed.clear()
        outbox.put(said("ready"))
        await heard.asked.wait()
        outbox.put(said("one came"), patient=True)
        outbox.put(said("one went"), patient=True)
        heard.allowed.set()
        await outbox.delivered()
        assert heard.messages == ["ready", "one went"]


async def test_what_is_told_of_one_lease_holds_back_nothing_of_another() -> None:
    outbox = ReportQueue()
    async with delivering(outbox) as heard:
        outbox.put(said("one came"), patient=True)
        outbox.put(said("the next lease", "b"))
        await outbox.delivered()
        assert heard.messages == ["the next lease", "one came"]


async def test_that_it_holds_nothing_is_not_told_any_more_once_it_holds_a_lease() -> None:
    """The controller died before it had answered the first word: the next one must not take the lease for over."""
    outbox = ReportQueue()
    outbox.put(said("free", ""))
    outbox.put(said("ready"))
    async with delivering(outbox) as heard:
        await outbox.delivered()
        assert heard.messages == ["ready"]


async def test_of_each_lease_it_is_told_that_it_has_been_cleaned_up() -> None:
    outbox = ReportQueue()
    outbox.put(said("clean of a"))
    outbox.put(said("ready for b", "b"))
    async with delivering(outbox) as heard:
        await outbox.delivered()
        assert heard.messages == ["clean of a", "ready for b"]
