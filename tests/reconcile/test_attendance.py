"""Leases that follow whether anyone is attached, through the API."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from jumplab_operator.names import Name
from jumplab_operator.reconcile.composition.compose import running_lab
from tests.reconcile.world import Plain, SimulatedExporter, Tokens, World, bench, reason_of, serving


def end(lease: Plain) -> datetime:
    return datetime.fromisoformat(lease["status"]["expectedEndTime"])


async def test_the_end_moves_on_while_the_lease_is_used_and_is_written_seldom(world: World) -> None:
    world.exporter("bench-1")
    async with bench(world) as exporter:
        world.lease("busy", duration="1m", extendOnActivity={"by": "1h"})
        ready = await world.until_ready("busy")
        uid = ready["metadata"]["uid"]
        await exporter.attend(uid, attached=True, times=1, in_use=True)
        moved = await world.until("leases", "busy", lambda it: end(it) > end(ready) + timedelta(minutes=8))
        assert end(moved) <= datetime.now(UTC) + timedelta(minutes=10, seconds=1)  # whole seconds
        assert "firstUsedTime" in moved["status"]
        for times in range(2, 5):
            await exporter.attend(uid, attached=False, times=times)
            await exporter.attend(uid, attached=True, times=times, in_use=True)
        assert world.get("leases", "busy")["metadata"]["resourceVersion"] == moved["metadata"]["resourceVersion"]
        passed = (datetime.now(UTC) - timedelta(hours=1)).isoformat()  # the holder's word comes before activity
        world.patch("leases", "busy", {"spec": {"duration": None, "endTime": passed}}).ok()
        await world.until_reason("busy", "Expired")


async def test_who_is_attached_and_does_nothing_extends_no_lease(world: World) -> None:
    world.exporter("bench-1")
    async with bench(world) as exporter:
        world.lease("idle", duration="1m", extendOnActivity={"maxDuration": "1h"})
        ready = await world.until_ready("idle")
        uid = ready["metadata"]["uid"]
        await exporter.attend(uid, attached=True, times=1)
        seen = await world.until("leases", "idle", lambda it: "firstUsedTime" in it.get("status", {}))
        assert end(seen) == end(ready)
        await exporter.attend(uid, attached=True, times=1, in_use=True)
        await world.until("leases", "idle", lambda it: end(it) > end(ready))


async def test_the_end_moves_no_further_than_the_longest_duration_and_who_waits_is_told(world: World) -> None:
    world.exporter("bench-1")
    async with bench(world) as exporter:
        world.lease("busy", duration="1m", extendOnActivity={"maxDuration": "3m"})
        ready = await world.until_ready("busy")
        world.lease("next")
        waiting = await world.until(
            "leases", "next", lambda it: "latestBeginTime" in it.get("status", {}).get("queue", {})
        )
        queue = waiting["status"]["queue"]
        earliest, latest = (datetime.fromisoformat(queue[f"{name}BeginTime"]) for name in ("expected", "latest"))
        assert latest - earliest == timedelta(minutes=2)
        assert "expected to begin between" in queue["message"]
        await exporter.attend(ready["metadata"]["uid"], attached=True, times=1, in_use=True)
        moved = await world.until("leases", "busy", lambda it: end(it) > end(ready))
        assert end(moved) - end(ready) == timedelta(minutes=2)


async def test_the_end_moves_no_further_than_policy_permits(world: World) -> None:
    world.exporter("bench-1")
    rule = {"from": [{"clientSelector": {}}], "maximumDuration": "2m"}
    world.create("ExporterAccessPolicy", "rules", {"policies": [rule]})
    async with bench(world) as exporter:
        world.lease("busy", duration="1m", extendOnActivity={"by": "10m"})
        ready = await world.until_ready("busy")
        await exporter.attend(ready["metadata"]["uid"], attached=True, times=1, in_use=True)
        moved = await world.until("leases", "busy", lambda it: end(it) > end(ready))
        assert end(moved) - end(ready) == timedelta(minutes=1)


async def test_a_lease_that_nobody_is_attached_to_is_given_up_and_its_exporter_goes_on(world: World) -> None:
    world.exporter("bench-1")
    async with bench(world) as exporter:
        world.lease("orphan")
        ready = await world.until_ready("orphan")
        await exporter.attend(ready["metadata"]["uid"], attached=True, times=1)
        world.patch("leases", "orphan", {"spec": {"releaseAfterDetached": "2s"}}).ok()
        await exporter.attend(ready["metadata"]["uid"], attached=False, times=1)
        ended = await world.until_reason("orphan", "Abandoned")
        assert ended["status"]["ended"]
        await world.until_unclaimed("bench-1")
        world.lease("unused", releaseAfterDetached="1s")  # counts from Ready
        await world.until_reason("unused", "Abandoned")


async def test_nobody_is_detached_while_the_exporter_is_away(world: World) -> None:
    world.exporter("bench-1")
    async with running_lab(world.access, world.settings(), Tokens()) as lab:
        name = Name(world.namespace, "bench-1")
        await world.until("exporters", "bench-1", lambda it: it.get("status", {}).get("credential"))
        async with serving(SimulatedExporter(lab, name)) as exporter:
            world.lease("kept")
            ready = await world.until_ready("kept")
            await exporter.attend(ready["metadata"]["uid"], attached=True, times=1)
        world.patch("leases", "kept", {"spec": {"releaseAfterDetached": "2s"}}).ok()
        await world.until("leases", "kept", lambda it: "releaseAfterDetached" in it["status"]["accepted"])
        later = (datetime.now(UTC) + timedelta(seconds=4)).isoformat()
        world.lease("clock", duration="1s", endTime=later, exporterRef={"name": "none"})
        await world.until_reason("clock", "Expired")
        assert reason_of(world.get("leases", "kept")) == "Ready"
        async with serving(SimulatedExporter(lab, name)):
            await world.until_reason("kept", "Abandoned")
