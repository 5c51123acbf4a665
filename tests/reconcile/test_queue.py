"""What waiting leases are told of their place."""

from __future__ import annotations

from datetime import datetime

from jumplab_operator.names import Name
from jumplab_operator.resources import LabelSelector
from tests.reconcile.world import World, bench

ANY = LabelSelector()


async def test_a_waiting_lease_has_its_place_in_its_status_until_it_is_its_turn(world: World) -> None:
    world.exporter("bench-1")
    async with bench(world) as exporter:
        world.lease("first")
        running = await world.until_ready("first")
        world.lease("second")
        waiting = await world.until("leases", "second", lambda it: "queue" in it.get("status", {}))
        place = waiting["status"]["queue"]
        assert place["position"] == 1
        assert place["message"].startswith("1st in the queue for the one exporter matching board=imx8; leased until ")
        end, begin = running["status"]["expectedEndTime"], place["expectedBeginTime"]
        assert 0 <= (datetime.fromisoformat(begin) - datetime.fromisoformat(end)).total_seconds() < 60

        world.lease("third")
        behind = await world.until("leases", "third", lambda it: "queue" in it.get("status", {}))
        assert behind["status"]["queue"]["position"] == 2
        lab = exporter.lab
        queue = await lab.queue(world.namespace, ANY, 9)
        assert [(queued.lease.name, queued.position.position) for queued in queue] == [
            ("second", 1),
            ("third", 2),
        ]
        third = lab.lease(Name(world.namespace, "third"))
        assert third is not None
        [considered] = lab.explain(third).considered
        assert (considered.exporter, considered.reason) == ("bench-1", "Leased")
        assert considered.message.startswith("it is leased by ci until ")

        world.delete("leases", "first")
        ready = await world.until_ready("second")
        assert "queue" not in ready["status"]


async def test_only_the_first_ten_of_a_queue_have_their_place_in_their_status(world: World) -> None:
    world.exporter("bench-1")
    async with bench(world):
        world.lease("running")
        await world.until_ready("running")
        for number in range(11):
            world.lease(f"w-{number:02}")
            await world.until_reason(f"w-{number:02}", "NotAvailable")
        await world.until("leases", "w-09", lambda it: "queue" in it["status"])
        told = [f"w-{number:02}" for number in range(11) if "queue" in world.get("leases", f"w-{number:02}")["status"]]
        assert told == [f"w-{number:02}" for number in range(10)]
