"""What waiting leases are told of their place."""

from __future__ import annotations

from datetime import datetime

from tests.operator.world import World, bench


async def test_a_waiting_lease_has_its_place_in_its_status_until_it_is_its_turn(world: World) -> None:
    world.exporter("bench-1")
    async with bench(world):
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
        told = [f"w-{number:02}" for number in range(11) if "queue" in world.get("leases", f"w-{number:02}")["status"]]
        assert told == [f"w-{number:02}" for number in range(10)]
