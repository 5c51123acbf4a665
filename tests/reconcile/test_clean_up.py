"""What becomes of leases that have ended."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from tests.reconcile.world import WAIT_SECONDS, World, bench, condition


async def gone(world: World, lease: str) -> None:
    """Returns once there is no lease of that name; it is watched. Fails where that takes too long."""
    await asyncio.to_thread(_gone, world, lease)


def _gone(world: World, lease: str) -> None:
    listed = world.client.get(world.path("leases")).ok()
    if lease not in {item["metadata"]["name"] for item in listed["items"]}:
        return
    query = f"?watch=1&resourceVersion={listed['metadata']['resourceVersion']}&timeoutSeconds={WAIT_SECONDS}"
    with world.client.watch(world.path("leases") + query) as events:
        for event in events:
            if event["type"] == "DELETED" and event["object"]["metadata"]["name"] == lease:
                return
    raise AssertionError(f"lease {lease} is still there")


async def test_an_ended_lease_is_deleted_when_its_own_time_to_be_kept_is_over(world: World) -> None:
    world.exporter("bench-1")
    async with bench(world):
        world.lease("short", ttlSecondsAfterEnded=0)
        await world.until_ready("short")
        world.lease("kept")
        world.patch("leases", "short", {"spec": {"release": True}}).ok()
        await gone(world, "short")
        await world.until_ready("kept")
        assert "leaseRef" in world.get("exporters", "bench-1")["status"]


async def test_ended_leases_go_after_the_operators_time_though_it_was_away_when_they_ended(world: World) -> None:
    world.exporter("bench-1")
    async with bench(world):
        world.lease("first")
        await world.until_ready("first")
    world.patch("leases", "first", {"spec": {"release": True}}).ok()
    async with bench(world, retention=timedelta(0)) as exporter:
        exporter.epoch = "2"
        await gone(world, "first")


async def test_a_lease_that_has_not_ended_is_never_cleaned_up(world: World) -> None:
    world.exporter("bench-1")
    async with bench(world, retention=timedelta(0)):
        world.lease("over", ttlSecondsAfterEnded=0)
        await world.until_ready("over")
        world.lease("waits", ttlSecondsAfterEnded=0)
        world.patch("leases", "over", {"spec": {"release": True}}).ok()
        await gone(world, "over")
        assert condition(await world.until_ready("waits"), "Ready") == "True"
