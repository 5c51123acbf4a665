"""What somebody waits for is written before what is only of interest."""

from __future__ import annotations

from datetime import timedelta

from tests.reconcile.faults.world import FaultyWorld


def test_a_holder_learns_that_its_exporter_is_away_before_idle_exporters_tell_of_themselves() -> None:
    world = FaultyWorld()
    names = [f"e{number}" for number in range(20)]
    try:
        world.client("ann")
        for name in names:
            world.exporter(name, "imx8")
            world.board(name)
        world.start_operator()
        world.calm()
        world.lease("used", {"clientRef": {"name": "ann"}, "exporterRef": {"name": names[-1]}})
        world.calm()
        world.board(names[-1]).attend()
        world.calm()
        for name in names:
            world.board(name).disconnect()
        world.loop.settle()
        world.store.diary.clear()
        world.loop.advance(timedelta(seconds=10))
        written = [line for line in world.store.diary if "PATCH" in line]
        assert len(written) == 1 + len(names)
        assert "/leases/used/status" in written[0]
        assert "has lost its connection" in written[0]
    finally:
        world.close()
