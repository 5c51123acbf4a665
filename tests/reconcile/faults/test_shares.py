"""What a client may have by its quota, while its leases are being given exporters."""

from __future__ import annotations

import pytest

from tests.reconcile.faults.invariants import Witness
from tests.reconcile.faults.world import FaultyWorld, Rules


@pytest.mark.parametrize("rounds", range(8))
def test_a_share_that_is_being_claimed_is_not_given_to_an_older_lease(rounds: int) -> None:
    """What the older one waits for comes so many rounds later: in the middle of the claim, or before or after it."""
    world = FaultyWorld()
    rules = Rules({"ann": 0}, most_leases=1)
    try:
        witness = Witness(world, rules)
        world.client("ann")
        world.policy(rules)
        for name, kind in (("e1", "imx8"), ("e2", "rpi4")):
            world.exporter(name, kind)
            world.board(name)
        world.start_operator()
        world.calm()
        away = world.board("e2")
        away.kill()
        world.loop.settle()
        for name, kind in (("older", "rpi4"), ("younger", "imx8")):
            world.lease(name, {"clientRef": {"name": "ann"}, "selector": {"matchLabels": {"board": kind}}})
            world.deliver("leases", 100)
            world.loop.step(rounds if name == "younger" else 1000)
        away.start()
        world.connect(away)
        while world.loop.step(1):
            witness.look()
        world.calm()
        witness.look()
        assert len(witness.ready) == 1
    finally:
        world.close()
