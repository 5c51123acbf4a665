"""What can't be read is there: no bad edit ends a running lease, whichever object it is of."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from jumplab_operator.names import Name
from jumplab_operator.resources import Exporter, Lease
from jumplab_operator.resources.metadata import format_instant
from tests.reconcile.faults.api import Plain
from tests.reconcile.faults.world import FaultyWorld, conditions
from tests.reconcile.faults.writes import is_true

BAD: list[tuple[str, str, Plain, str]] = [
    ("exporters", "e1", {"spec": {"enabled": "perhaps"}}, ""),
    ("exporters", "e1", {"status": {"lastSeen": "yesterday"}}, "status"),
    ("clients", "ann", {"spec": {"username": ["ann"]}}, ""),
    ("clients", "ann", {"status": {"tokenExpiresAt": "soon"}}, "status"),
    ("leases", "used", {"spec": {"endTime": "0000-01-01T00:00:00Z"}}, ""),
    ("leases", "used", {"spec": {"clientRef": None}}, ""),
    ("leases", "used", {"status": {"queue": {"position": "first"}}}, "status"),
]
GOOD: Plain = {
    "exporters": {"spec": {"enabled": True}, "status": {"lastSeen": None}},
    "clients": {"spec": {"username": None}, "status": {"tokenExpiresAt": None}},
    "leases": {"spec": {"endTime": None, "clientRef": {"name": "ann"}}, "status": {"queue": None}},
}


@pytest.fixture
def world() -> Iterator[FaultyWorld]:
    world = FaultyWorld()
    world.client("ann")
    world.exporter("e1", "imx8")
    world.board("e1")
    world.start_operator()
    world.calm()
    selector = {"matchLabels": {"board": "imx8"}}
    world.lease("used", {"clientRef": {"name": "ann"}, "duration": "30m", "selector": selector})
    world.calm()
    world.board("e1").attend()
    world.calm()
    assert is_true(world.store.existing("leases", "used"), "Ready")
    yield world
    world.close()


@pytest.mark.parametrize("again", [False, True], ids=["as it runs", "a new operator"])
@pytest.mark.parametrize(("plural", "name", "edit", "sub"), BAD)
def test_a_bad_edit_ends_no_running_lease(
    world: FaultyWorld, plural: str, name: str, edit: Plain, sub: str, again: bool
) -> None:
    board = world.board("e1")
    served = board.holding
    world.store.merge(plural, name, edit, sub)
    world.calm()
    if again:
        world.kill_operator()
        world.start_operator()
        world.calm()
    world.loop.advance(timedelta(minutes=5))
    world.calm()
    assert board.holding == served != ""
    assert "leaseRef" in world.store.existing("exporters", "e1")["status"]
    assert not world.store.existing("leases", "used")["status"].get("ended")
    world.store.merge(plural, name, {key: part for key, part in GOOD[plural].items() if key in edit}, sub)
    world.calm()
    lease = world.store.existing("leases", "used")
    assert is_true(lease, "Ready"), "it is as it was, once the edit is corrected"
    assert "Invalid" not in conditions(lease)
    world.loop.advance(timedelta(minutes=30))
    world.calm()
    assert conditions(world.store.existing("leases", "used"))["Ready"]["reason"] == "Expired"


def test_a_lease_says_what_can_not_be_read_of_it_and_can_be_released_all_the_same(world: FaultyWorld) -> None:
    world.store.merge("leases", "used", {"spec": {"endTime": "0000-01-01T00:00:00Z"}})
    world.calm()
    told = conditions(world.store.existing("leases", "used"))["Invalid"]
    assert told["reason"] == "Unreadable"
    assert "endTime" in told["message"]
    assert told["message"].endswith("the accepted spec stays in force")
    world.store.merge("leases", "used", {"spec": {"release": True}})
    world.calm()
    assert conditions(world.store.existing("leases", "used"))["Ready"]["reason"] == "Released"


def test_an_exporter_that_can_not_be_read_gets_no_new_lease(world: FaultyWorld) -> None:
    world.exporter("e2", "rpi4")
    world.board("e2")
    world.store.merge("exporters", "e2", {"spec": {"enabled": "perhaps"}})
    world.calm()
    selector = {"matchLabels": {"board": "rpi4"}}
    world.lease("new", {"clientRef": {"name": "ann"}, "duration": "5m", "selector": selector})
    world.calm()
    assert "exporterRef" not in world.store.existing("leases", "new")["status"]
    world.store.merge("exporters", "e2", {"spec": {"enabled": True}})
    world.calm()
    assert is_true(world.store.existing("leases", "new"), "Ready")


def test_those_who_ask_for_what_can_not_be_read_are_to_try_again(world: FaultyWorld) -> None:
    world.store.merge("exporters", "e1", {"status": {"lastSeen": "yesterday"}}, "status")
    world.calm()
    assert world.lab is not None
    name = Name(world.namespace, "e1")
    assert world.lab.exporter(name) is None
    assert "lastSeen" in world.lab.problem(Exporter, name)
    assert not world.lab.problem(Lease, Name(world.namespace, "used"))


def test_a_claim_of_a_lease_that_the_operator_has_not_seen_yet_stays(world: FaultyWorld) -> None:
    """Another operator made it: the exporter's watch is quicker than the lease's."""
    world.exporter("e2", "rpi4")
    world.calm()
    world.cut_watch("leases")
    selector = {"matchLabels": {"board": "rpi4"}}
    made = world.lease("unseen", {"clientRef": {"name": "ann"}, "duration": "5m", "selector": selector})
    claim = {"name": "unseen", "uid": made["metadata"]["uid"]}
    world.store.merge("exporters", "e2", {"status": {"leaseRef": claim}}, "status")
    world.deliver("exporters", 100)
    world.loop.settle()
    world.connect(world.board("e2"))
    world.loop.settle()
    # A claim of an earlier version gets its holder and its begin.
    kept = {**claim, "client": "ann", "since": format_instant(world.now)}
    assert world.store.existing("exporters", "e2")["status"]["leaseRef"] == kept
    world.delete("leases", "unseen")
    world.calm()
    world.loop.advance(timedelta(minutes=3))
    world.calm()
    assert "leaseRef" not in world.store.existing("exporters", "e2")["status"]


def test_an_ended_lease_stays_while_an_exporter_that_can_not_be_read_may_have_to_clean_up(world: FaultyWorld) -> None:
    world.board("e1").slow = True
    world.store.merge("exporters", "e1", {"status": {"lastSeen": "yesterday"}}, "status")
    world.store.merge("leases", "used", {"spec": {"release": True, "ttlSecondsAfterEnded": 0}})
    world.calm()
    world.loop.advance(timedelta(minutes=1))
    assert world.store.existing("leases", "used")["status"]["ended"]
    world.store.merge("exporters", "e1", {"status": {"lastSeen": None}}, "status")
    world.board("e1").mend()
    world.calm()
    world.loop.advance(timedelta(minutes=1))
    world.calm()
    assert "used" not in world.store.objects["leases"]


def test_a_new_lease_that_can_not_be_read_says_so_and_is_served_once_it_is_corrected(world: FaultyWorld) -> None:
    world.exporter("e2", "rpi4")
    world.board("e2")
    selector = {"matchLabels": {"board": "rpi4"}}
    asked = {"clientRef": {"name": "ann"}, "selector": selector, "endTime": "0000-01-01T00:00:00Z"}
    world.lease("new", asked)
    world.calm()
    told = conditions(world.store.existing("leases", "new"))
    assert (told["Ready"]["status"], told["Ready"]["reason"]) == ("False", "Unreadable")
    assert told["Invalid"]["message"].startswith("the lease can't be read: spec.endTime: ")
    world.store.merge("leases", "new", {"spec": {"endTime": None, "duration": "5m"}})
    world.calm()
    lease = world.store.existing("leases", "new")
    assert is_true(lease, "Ready")
    assert "Invalid" not in conditions(lease)
