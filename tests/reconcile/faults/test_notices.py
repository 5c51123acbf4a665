"""A notice of preemption is only given to a lease that is then ended, unless something else frees an exporter."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.reconcile.faults.api import Plain
from tests.reconcile.faults.test_preemption import IMX8, a_world, ask, reason
from tests.reconcile.faults.world import NOTICE, FaultyWorld
from tests.reconcile.faults.writes import is_true

_LATER = NOTICE + timedelta(seconds=1)
_PLURALS = ("exporters", "leases")


class _Notices:
    """The names of the leases that were ever given notice, each noted as soon as that is written."""

    def __init__(self, world: FaultyWorld) -> None:
        self.given: set[str] = set()
        world.store.onlookers.append(self._see)

    def _see(self, plural: str, _before: Plain, after: Plain) -> None:
        if plural == "leases" and is_true(after, "Preempting"):
            self.given.add(after["metadata"]["name"])


def _two_spots_and_a_wait(world: FaultyWorld) -> _Notices:
    """Each of the two boards has a spot lease, and one lease waits for a board."""
    notices = _Notices(world)
    for name in ("a", "b"):
        ask(world, name, "ann", IMX8)
    ask(world, "urgent", "bob", IMX8)
    assert len(notices.given) == 1
    return notices


@pytest.mark.parametrize("slow", [False, True])
def test_where_one_spot_lease_is_ended_the_other_gets_no_notice(slow: bool) -> None:
    world = a_world()
    try:
        notices = _two_spots_and_a_wait(world)
        for board in world.boards.values():
            board.slow = slow
        world.loop.advance(_LATER)
        world.calm()
        for board in world.boards.values():
            board.mend()
        world.calm()
        [victim] = notices.given
        assert reason(world, victim) == "Preempted"
        assert reason(world, "urgent") == "Ready"
    finally:
        world.close()


@pytest.mark.parametrize("how", ["release", "deletion"])
def test_where_the_victim_goes_before_its_time_the_other_gets_no_notice(how: str) -> None:
    world = a_world()
    try:
        notices = _two_spots_and_a_wait(world)
        [victim] = notices.given
        if how == "release":
            world.store.merge("leases", victim, {"spec": {"release": True}})
        else:
            world.delete("leases", victim)
        world.calm()
        assert notices.given == {victim}
        assert reason(world, "urgent") == "Ready"
    finally:
        world.close()


@settings(max_examples=60, deadline=None)
@given(
    end=st.sampled_from(("time", "release", "deletion")),
    waiting=st.integers(1, 2),
    slow=st.booleans(),
    turns=st.lists(st.tuples(st.sampled_from(_PLURALS), st.integers(0, 3), st.integers(0, 4)), max_size=12),
)
def test_no_more_leases_get_a_notice_than_wait(
    end: str, waiting: int, slow: bool, turns: list[tuple[str, int, int]]
) -> None:
    """However the operator's steps and what its watches tell it fall together while victims end."""
    world = a_world()
    try:
        notices = _Notices(world)
        for name in ("e3", "e4"):
            world.exporter(name, "imx8")
            world.board(name)
        world.calm()
        for name in ("a", "b", "c", "d"):
            ask(world, name, "ann", IMX8)
        for name in ("u1", "u2")[:waiting]:
            ask(world, name, "bob", IMX8)
        victims = set(notices.given)
        assert len(victims) == waiting
        for board in world.boards.values():
            board.slow = slow
        if end == "time":
            world.loop.advance(_LATER)
        for name in sorted(victims) if end != "time" else ():
            if end == "release":
                world.store.merge("leases", name, {"spec": {"release": True}})
            else:
                world.delete("leases", name)
        for plural, most, steps in turns:
            world.deliver(plural, most)
            world.loop.step(steps)
        world.calm()
        for board in world.boards.values():
            board.mend()
        world.calm()
        assert notices.given == victims
        assert {reason(world, name) for name in ("u1", "u2")[:waiting]} == {"Ready"}
    finally:
        world.close()
