"""What is kept for a lease that begins later, while the exporters come and go."""

from __future__ import annotations

from datetime import timedelta

import pytest

from jumplab_operator.resources.metadata import format_instant
from tests.reconcile.faults.world import FaultyWorld, Rules


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
