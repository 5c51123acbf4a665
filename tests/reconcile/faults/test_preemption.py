"""Leases of several exporters that are ended for others, and that others are ended for."""

from __future__ import annotations

from datetime import timedelta

from tests.reconcile.faults.api import Plain
from tests.reconcile.faults.invariants import Witness
from tests.reconcile.faults.world import NOTICE, FaultyWorld, Rules, conditions

RULES = Rules({"ann": 1, "bob": 9}, spot=True)
IMX8 = {"selector": {"matchLabels": {"board": "imx8"}}}
PAIR = {"exporters": [{"name": "one", **IMX8}, {"name": "two", **IMX8}]}


def a_world() -> FaultyWorld:
    """Two boards; ann's leases give way to bob's."""
    world = FaultyWorld()
    for name in RULES.priorities:
        world.client(name)
    world.policy(RULES)
    for name in ("e1", "e2"):
        world.exporter(name, "imx8")
        world.board(name)
    world.start_operator()
    world.calm()
    return world


def status(world: FaultyWorld, lease: str) -> Plain:
    found: Plain = world.store.existing("leases", lease)["status"]
    return found


def ask(world: FaultyWorld, name: str, client: str, asked: Plain) -> None:
    world.lease(name, {"clientRef": {"name": client}, "duration": "30m", **asked})
    world.calm()


def reason(world: FaultyWorld, lease: str) -> str:
    found: str = conditions(world.store.existing("leases", lease))["Ready"]["reason"]
    return found


def test_all_that_a_lease_of_several_needs_are_told_at_one_time_and_end_at_one_time() -> None:
    world = a_world()
    try:
        witness = Witness(world, RULES)
        for name in ("a", "b"):
            ask(world, name, "ann", IMX8)
        ask(world, "pair", "bob", PAIR)
        told = [conditions(world.store.existing("leases", name))["Preempting"] for name in ("a", "b")]
        assert told[0]["message"] == told[1]["message"]
        ask(world, "late", "ann", IMX8)
        world.loop.advance(NOTICE + timedelta(seconds=1))
        world.calm()
        witness.look()
        assert [reason(world, name) for name in ("a", "b", "pair", "late")] == [
            "Preempted",
            "Preempted",
            "Ready",
            "NotAvailable",
        ]
    finally:
        world.close()


def test_what_is_free_first_waits_for_the_rest_and_is_not_given_to_others() -> None:
    """One of the two cleans up slowly: the other is idle until then, not somebody else's."""
    world = a_world()
    try:
        for name in ("a", "b"):
            ask(world, name, "ann", IMX8)
        ask(world, "pair", "bob", PAIR)
        slow = world.board("e2")
        slow.slow = True
        world.loop.advance(NOTICE + timedelta(seconds=1))
        world.calm()
        ask(world, "late", "ann", IMX8)
        assert "leaseRef" not in world.store.existing("exporters", "e1")["status"]
        assert "exporterRef" not in status(world, "late")
        slow.mend()
        world.calm()
        assert reason(world, "pair") == "Ready"
    finally:
        world.close()


def test_a_lease_of_several_is_ended_whole_for_one() -> None:
    world = a_world()
    try:
        ask(world, "pair", "ann", PAIR)
        assert status(world, "pair")["spotAccess"]
        ask(world, "one", "bob", IMX8)
        notice = conditions(world.store.existing("leases", "pair"))["Preempting"]["message"]
        heard = [world.board(name).heard_notice for name in ("e1", "e2")]
        assert heard == [notice, notice]
        assert notice.startswith("this lease will be preempted ")
        world.loop.advance(NOTICE + timedelta(seconds=1))
        world.calm()
        assert (reason(world, "pair"), reason(world, "one")) == ("Preempted", "Ready")
        claims = ["leaseRef" in world.store.existing("exporters", name)["status"] for name in ("e1", "e2")]
        assert sorted(claims) == [False, True]
    finally:
        world.close()


def test_nobody_is_told_where_not_all_can_be_had() -> None:
    world = a_world()
    try:
        ask(world, "a", "ann", IMX8)
        ask(world, "firm", "bob", IMX8)
        ask(world, "pair", "bob", PAIR)
        assert "Preempting" not in conditions(world.store.existing("leases", "a"))
        assert reason(world, "pair") == "NotAvailable"
    finally:
        world.close()
