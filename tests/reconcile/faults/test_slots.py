"""The reservation of a lease that begins later, while the exporters come and go."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

import pytest

from jumplab_operator.resources.metadata import format_instant
from tests.reconcile.faults.api import FaultyApi, Plain, Store
from tests.reconcile.faults.world import SETTINGS, FaultyWorld, Rules, conditions
from tests.reconcile.faults.writes import is_true


@pytest.mark.parametrize("rounds", range(8))
def test_a_slot_that_moves_while_it_is_written_comes_to_rest(rounds: int) -> None:
    """What it moved from is back so many rounds later, in the middle of the write or after it."""
    world = FaultyWorld()
    try:
        world.client("ann")
        for name in ("e1", "e2"):
            world.exporter(name, "imx8")
            world.board(name)
        world.start_operator()
        world.calm()
        begin = format_instant(world.now + timedelta(minutes=10))
        asked = {"clientRef": {"name": "ann"}, "duration": "5m", "beginTime": begin}
        world.lease("later", {**asked, "selector": {"matchLabels": {"board": "imx8"}}})
        world.calm()
        kept = world.store.existing("leases", "later")["status"]["keptExporterRef"]["name"]
        for enabled in (False, True):
            world.store.merge("exporters", kept, {"spec": {"enabled": enabled}})
            world.deliver("exporters", 100)
            world.loop.step(rounds)
        world.calm()
        assert "keptExporterRef" in world.store.existing("leases", "later")["status"]
    finally:
        world.close()


def test_a_slot_is_not_lost_to_others_while_its_exporter_is_late() -> None:
    """At its begin the exporter is still being cleaned; somebody of higher priority waits for it, too."""
    world = FaultyWorld()
    try:
        rules = Rules({"ann": 0, "bob": 9})
        for name in rules.priorities:
            world.client(name)
        world.policy(rules)
        world.exporter("e1", "imx8")
        board = world.board("e1")
        world.start_operator()
        world.calm()
        asked = {"selector": {"matchLabels": {"board": "imx8"}}, "duration": "5m"}
        begin = format_instant(world.now + timedelta(minutes=7))
        world.lease("before", {**asked, "clientRef": {"name": "ann"}})
        world.calm()
        board.slow = True
        world.lease("later", {**asked, "clientRef": {"name": "ann"}, "beginTime": begin})
        world.calm()
        world.lease("higher", {**asked, "clientRef": {"name": "bob"}})
        world.loop.advance(timedelta(minutes=8))
        world.calm()
        assert "exporterRef" not in world.store.existing("leases", "later")["status"]
        board.mend()
        world.calm()
        assert world.store.existing("leases", "later")["status"].get("exporterRef") == {"name": "e1"}
    finally:
        world.close()


class _SlowApi(FaultyApi):
    """Keeps the writes of one lease's status until they are let go."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self.slow = ""
        self.go_on = asyncio.Event()

    async def _serve(self, method: str, path: str, body: Mapping[str, Any]) -> Plain:
        if self.slow and method == "PATCH" and path.endswith(f"/leases/{self.slow}/status"):
            await self.go_on.wait()
        return await super()._serve(method, path, body)


class _Reserved(FaultyWorld):
    """One exporter, reserved from a minute and a half after a lease of five minutes would end that begins now."""

    def __init__(self) -> None:
        super().__init__()
        self.client("ann")
        self.exporter("e1", "imx8")
        self.only = self.board("e1")
        self.start_operator()
        self.calm()
        self.begin = self.now.replace(microsecond=0) + timedelta(minutes=6, seconds=30)
        self.ask("later", beginTime=format_instant(self.begin))
        self.calm()

    def new_api(self) -> _SlowApi:
        return _SlowApi(self.store)

    def ask(self, name: str, **more: Any) -> None:
        asked = {"clientRef": {"name": "ann"}, "duration": "5m", "selector": {"matchLabels": {"board": "imx8"}}}
        self.lease(name, {**asked, **more})

    def status(self, name: str) -> Plain:
        status: Plain = self.store.existing("leases", name)["status"]
        return status


@pytest.fixture
def reserved() -> Iterator[_Reserved]:
    world = _Reserved()
    yield world
    world.close()


def test_a_lease_that_gets_ready_late_ends_when_its_exporter_is_reserved_and_says_so(reserved: _Reserved) -> None:
    reserved.only.slow = True
    reserved.ask("before")
    reserved.calm()
    reserved.loop.advance(timedelta(minutes=3))
    reserved.only.mend()
    reserved.calm()
    status = reserved.status("before")
    assert datetime.fromisoformat(status["expectedEndTime"]) == reserved.begin
    early = f"the lease ends early, at {reserved.begin:%H:%M} UTC, because of another lease's reservation"
    told = f'exporter "e1" is ready; {early}'
    assert conditions(reserved.store.existing("leases", "before"))["Ready"]["message"] == told
    reserved.loop.advance(timedelta(minutes=4))
    reserved.calm()
    assert conditions(reserved.store.existing("leases", "before"))["Ready"]["reason"] == "Expired"
    assert is_true(reserved.store.existing("leases", "later"), "Ready")


def test_a_lease_that_is_not_ready_when_its_exporter_is_reserved_gives_it_back(reserved: _Reserved) -> None:
    reserved.only.slow = True
    reserved.ask("before")
    reserved.calm()
    reserved.loop.advance(timedelta(seconds=1))
    assert reserved.status("before")["exporterRef"] == {"name": "e1"}
    reserved.loop.advance(timedelta(minutes=7))
    reserved.only.mend()
    reserved.calm()
    assert reserved.status("later")["exporterRef"] == {"name": "e1"}
    assert "exporterRef" not in reserved.status("before")
    reserved.loop.advance(timedelta(minutes=6))
    reserved.calm()
    assert is_true(reserved.store.existing("leases", "before"), "Ready"), "it waits, and is served after it"


def test_a_decision_that_was_carried_out_late_is_made_anew(reserved: _Reserved) -> None:
    """Another reconcile, whose request takes two minutes, has the exporter meanwhile."""

    async def take_two_minutes() -> None:
        assert reserved.lab is not None
        async with reserved.lab._cluster.queue.holding(reserved.only.exporter_uid):
            await asyncio.sleep(120)

    slow = reserved.loop.create_task(take_two_minutes())
    reserved.loop.settle()
    reserved.ask("before")
    reserved.calm()
    reserved.loop.advance(timedelta(minutes=3))
    reserved.calm()
    assert slow.done()
    assert "exporterRef" not in reserved.status("before"), "it would overlap by now"


def test_a_claim_of_before_the_operator_died_is_not_completed_too_late(reserved: _Reserved) -> None:
    reserved.ask("before")
    uid = reserved.store.existing("leases", "before")["metadata"]["uid"]
    reserved.kill_operator()
    reserved.store.merge("exporters", "e1", {"status": {"leaseRef": {"name": "before", "uid": uid}}}, "status")
    reserved.loop.advance(timedelta(minutes=2))
    reserved.start_operator()
    reserved.calm()
    assert "exporterRef" not in reserved.status("before"), "it would overlap by now"
    assert "leaseRef" not in reserved.store.existing("exporters", "e1")["status"]


def test_the_first_of_two_reservations_that_touch_ends_when_the_second_begins(reserved: _Reserved) -> None:
    second = reserved.begin + timedelta(minutes=5)
    reserved.ask("last", beginTime=format_instant(second))
    reserved.calm()
    assert reserved.status("last")["keptExporterRef"] == {"name": "e1"}
    reserved.only.hangs = True
    reserved.loop.advance(reserved.begin - reserved.now + timedelta(seconds=20))
    reserved.only.mend()
    reserved.calm()
    assert datetime.fromisoformat(reserved.status("later")["expectedEndTime"]) == second


def test_a_lease_that_is_not_ready_yet_is_not_made_longer_than_its_exporter_is_free(reserved: _Reserved) -> None:
    reserved.only.slow = True
    reserved.ask("before")
    reserved.calm()
    reserved.loop.advance(timedelta(seconds=1))
    reserved.store.merge("leases", "before", {"spec": {"duration": "30m"}})
    reserved.calm()
    refused = conditions(reserved.store.existing("leases", "before"))["Invalid"]
    assert refused["reason"] == "Reserved"
    assert reserved.status("before")["accepted"]["duration"] == "5m"


def test_an_exporter_that_did_not_confirm_is_offered_again_though_another_moment_was_due_before(
    reserved: _Reserved,
) -> None:
    """Nothing else happens when it may be offered again."""
    reserved.exporter("e2", "rpi4")
    hanging = reserved.board("e2")
    reserved.calm()
    hanging.hangs = True
    reserved.ask("soon", beginTime=format_instant(reserved.now.replace(microsecond=0) + timedelta(seconds=50)))
    reserved.ask("waits", selector={"matchLabels": {"board": "rpi4"}})
    reserved.calm()
    reserved.loop.advance(SETTINGS.confirm_within + timedelta(seconds=45))
    assert "exporterRef" not in reserved.status("waits"), "its exporter did not confirm"
    hanging.start()
    reserved.calm()
    reserved.loop.advance(SETTINGS.avoid_for - timedelta(seconds=45))
    reserved.calm()
    assert is_true(reserved.store.existing("leases", "waits"), "Ready")


@pytest.mark.parametrize("by", ["an edit", "activity"])
def test_no_reservation_is_placed_where_a_lease_is_just_being_extended_to(reserved: _Reserved, by: str) -> None:
    """The new end is on its way to the API when somebody reserves what was behind the old one."""
    reserved.exporter("e2", "rpi4")
    reserved.board("e2")
    reserved.calm()
    selector = {"matchLabels": {"board": "rpi4"}}
    reserved.ask("used", selector=selector, extendOnActivity={"by": "8m"})
    reserved.calm()
    behind = datetime.fromisoformat(reserved.status("used")["expectedEndTime"]) + timedelta(minutes=1)
    api = reserved.api
    assert isinstance(api, _SlowApi)
    reserved.board("e2").attached = by == "activity"
    reserved.board("e2").attend()
    reserved.loop.advance(timedelta(seconds=30))
    api.slow = "used"
    if by == "an edit":
        reserved.store.merge("leases", "used", {"spec": {"duration": "20m"}})
    else:
        reserved.loop.advance(timedelta(minutes=1))
    reserved.deliver("leases", 100)
    reserved.loop.settle()
    reserved.ask("behind", selector=selector, beginTime=format_instant(behind))
    reserved.deliver("leases", 100)
    reserved.loop.settle()
    api.go_on.set()
    reserved.calm()
    assert datetime.fromisoformat(reserved.status("used")["expectedEndTime"]) > behind
    assert "keptExporterRef" not in reserved.status("behind")
    told = [each for each in reserved.store.diary if "/leases/behind/status" in each and "keptExporterRef" in each]
    assert told == [], "nothing is reserved that is taken back"
