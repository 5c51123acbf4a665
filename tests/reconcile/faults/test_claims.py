"""The claim of an exporter that can't be told that its lease is over."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

import pytest

from jumplab_operator.controller.lab import StatusReport
from jumplab_operator.reconcile.composition.lab_service import LabService
from jumplab_operator.resources.metadata import format_instant
from tests.reconcile.faults.boards import Board
from tests.reconcile.faults.world import FaultyWorld

IMX8 = {"matchLabels": {"board": "imx8"}}


@contextmanager
def _lab() -> Iterator[tuple[FaultyWorld, Board]]:
    """An operator, a client, and an exporter that is there."""
    world = FaultyWorld()
    try:
        world.client("ann")
        world.exporter("e1", "imx8")
        board = world.board("e1")
        world.start_operator()
        world.calm()
        yield world, board
    finally:
        world.close()


@pytest.mark.parametrize("change", ["release", "deletion", "5m", "1m"])
def test_a_claim_stays_until_the_exporter_has_ended_the_lease_by_itself(change: str) -> None:
    with _lab() as (world, board):
        world.lease("used", {"clientRef": {"name": "ann"}, "duration": "10m", "selector": IMX8})
        world.calm()
        board.attend()
        world.loop.settle()
        board.disconnect()
        world.loop.advance(timedelta(minutes=2))
        if change == "deletion":
            world.delete("leases", "used")
        else:
            edit = {"release": True} if change == "release" else {"duration": change}
            world.store.merge("leases", "used", {"spec": edit})
        world.deliver("leases", 100)
        world.loop.advance(timedelta(minutes=7))
        assert "leaseRef" in world.store.existing("exporters", "e1")["status"]
        world.loop.advance(timedelta(minutes=2))
        assert "leaseRef" not in world.store.existing("exporters", "e1")["status"]


def test_a_lease_that_is_shortened_below_what_has_passed_ends_and_says_when_it_was_to_end() -> None:
    with _lab() as (world, _):
        world.lease("long", {"clientRef": {"name": "ann"}, "duration": "10m", "selector": IMX8})
        world.calm()
        began = datetime.fromisoformat(world.store.existing("leases", "long")["status"]["beginTime"])
        world.loop.advance(timedelta(minutes=2))
        world.store.merge("leases", "long", {"spec": {"duration": "1m"}})
        world.calm()
        status = world.store.existing("leases", "long")["status"]
        assert status["expectedEndTime"] == format_instant(began + timedelta(minutes=1))
        assert status["endTime"] == format_instant(began + timedelta(minutes=2))


def test_an_exporter_that_speaks_before_it_hears_of_its_lease_keeps_it() -> None:
    """Its new process connects, and says that it holds nothing before it is told whose it is."""
    with _lab() as (world, board):
        uid = world.lease("used", {"clientRef": {"name": "ann"}, "selector": IMX8})["metadata"]["uid"]
        world.calm()
        board.attend()
        world.loop.settle()
        board.kill()
        world.loop.settle()
        assert world.lab is not None, "there is an operator"
        early = world.loop.create_task(_speaks_first(world.lab, board), name="a new process")
        world.loop.settle()
        assert early.done()
        assert world.store.existing("exporters", "e1")["status"]["leaseRef"]["uid"] == uid
        assert not world.store.existing("leases", "used")["status"].get("ended")


async def _speaks_first(lab: LabService, board: Board) -> None:
    async with lab.presence(board.name, board.exporter_uid):
        await lab.report(board.name, StatusReport("Available", "", "", "another", False))


def test_what_an_exporter_says_twice_of_an_earlier_try_does_not_end_the_next_one() -> None:
    """It lost the answer to its first word, and says it again: at whatever moment before it is told of the next try."""
    rounds = next(rounds for rounds in range(1000) if not _goes_well_said_twice(rounds))
    assert rounds > 1


def _goes_well_said_twice(rounds: int) -> bool:
    """The second word comes so many rounds after the first; False: it would come after the exporter was told."""
    with _lab() as (world, board):
        uid = world.lease("unused", {"clientRef": {"name": "ann"}, "selector": IMX8})["metadata"]["uid"]
        world.calm()
        board.disconnect()
        world.loop.advance(timedelta(seconds=10))
        world.connect(board)
        while board.owed:
            assert world.loop.step(1), "it never cleaned up"
        world.loop.step(rounds)
        assert world.lab is not None, "there is an operator"
        report = StatusReport("Available", "", uid, str(board.epoch), False)
        world.loop.create_task(world.lab.report(board.name, report), name="the second word")
        world.loop.step(1)
        if board.owed:
            return False
        world.calm()
        assert not world.store.existing("leases", "unused")["status"].get("ended"), f"ended {rounds} rounds later"
        assert board.holding == uid
        return True
