"""The claim of an exporter that can't be told that its lease is over."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.operator.faults.world import FaultyWorld


@pytest.mark.parametrize("change", ["release", "deletion"])
def test_a_claim_stays_until_the_exporter_has_ended_the_lease_by_itself(change: str) -> None:
    world = FaultyWorld()
    try:
        world.client("ann")
        world.exporter("e1", "imx8")
        board = world.board("e1")
        world.start_operator()
        world.calm()
        selector = {"matchLabels": {"board": "imx8"}}
        world.lease("used", {"clientRef": {"name": "ann"}, "duration": "10m", "selector": selector})
        world.calm()
        board.attend()
        world.loop.settle()
        board.disconnect()
        if change == "release":
            world.store.merge("leases", "used", {"spec": {"release": True}})
        else:
            world.delete("leases", "used")
        world.deliver("leases", 100)
        world.loop.advance(timedelta(minutes=9))
        assert "leaseRef" in world.store.existing("exporters", "e1")["status"]
        world.loop.advance(timedelta(minutes=2))
        assert "leaseRef" not in world.store.existing("exporters", "e1")["status"]
    finally:
        world.close()
