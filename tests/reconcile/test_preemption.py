"""Spot leases that are ended for a higher priority, through the API."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from jumplab_operator.leasing.model.exporter_health import Found
from jumplab_operator.names import Name
from tests.reconcile.world import Plain, SimulatedExporter, World, bench, condition, message_of, reason_of, serving


def with_priorities(world: World) -> None:
    """A policy by which ci goes before ann, whose leases may be ended."""
    world.create("Client", "ann", {}, {"team": "apps"})
    rules: list[dict[str, Any]] = [
        {"from": [{"clientSelector": {"matchLabels": {"team": "kernel"}}}], "priority": 9},
        {"from": [{"clientSelector": {"matchLabels": {"team": "apps"}}}], "priority": 1, "spotAccess": True},
    ]
    world.create("ExporterAccessPolicy", "rules", {"policies": rules})


async def until_told(world: World, lease: str) -> Plain:
    return await world.until("leases", lease, lambda it: condition(it, "Preempting") == "True")


async def test_a_spot_lease_is_told_and_ended_and_who_waited_gets_its_exporter(world: World) -> None:
    world.exporter("bench-1")
    with_priorities(world)
    async with bench(world, preemption_notice=timedelta(seconds=2)) as exporter:
        world.lease("spot", clientRef={"name": "ann"})
        assert (await world.until_ready("spot"))["status"]["spotAccess"] is True
        world.lease("urgent")
        waits = await world.until("leases", "urgent", lambda it: "being freed by preemption" in message_of(it))
        assert "being freed by preemption" in waits["status"]["queue"]["message"]
        told = await until_told(world, "spot")
        assert condition(told, "Ready") == "True"
        assert "this lease will be preempted at" in message_of(told, "Preempting")
        assert told["status"]["conditions"][-1]["type"] == "Ready"
        ended = await world.until_reason("spot", "Preempted")
        assert ended["status"]["ended"]
        ready = await world.until_ready("urgent")
        assert ready["status"]["exporterRef"] == {"name": "bench-1"}
    assert message_of(told, "Preempting") in [each.notice for each in exporter.seen if each is not None]


async def test_a_notice_is_withdrawn_when_nobody_needs_the_exporter_any_more(world: World) -> None:
    world.exporter("bench-1")
    world.exporter("bench-2", board="imx8", spare="yes")
    with_priorities(world)
    async with bench(world) as exporter:
        world.lease("spot", clientRef={"name": "ann"})
        await world.until_ready("spot")
        for how in ("deleted", "served"):
            world.lease(how)
            await until_told(world, "spot")
            if how == "deleted":
                world.delete("leases", how)
                await world.until("leases", "spot", lambda it: condition(it, "Preempting") is None)
        async with serving(SimulatedExporter(exporter.lab, Name(world.namespace, "bench-2"))):
            await world.until_ready("served")
            stays = await world.until("leases", "spot", lambda it: condition(it, "Preempting") is None)
        assert reason_of(stays) == "Ready"


async def test_where_one_spot_lease_is_ended_the_other_gets_no_notice(world: World) -> None:
    """Not even while the exporter that becomes free checks its devices."""
    for name in ("bench-1", "bench-2"):
        world.exporter(name)
    with_priorities(world)
    async with bench(world, preemption_notice=timedelta(seconds=2)) as first:
        second = SimulatedExporter(first.lab, Name(world.namespace, "bench-2"))
        async with serving(second):
            for name in ("a", "b"):
                world.lease(name, clientRef={"name": "ann"})
                await world.until_ready(name)
            first.health = second.health = Found("Due")
            world.lease("urgent")
            await world.until_event("Preempting")
            [victim] = [name for name in ("a", "b") if condition(world.get("leases", name), "Preempting")]
            ended = await world.until_reason(victim, "Preempted")
            freed = ended["status"]["exporterRef"]["name"]
            await world.until_unclaimed(freed)
            first.health = second.health = Found("Passed")
            await next(each for each in (first, second) if each.name.name == freed).report("Available")
            await world.until_ready("urgent")
    noticed = {each.lease_uid for it in (first, second) for each in it.seen if each is not None and each.notice}
    assert noticed == {ended["metadata"]["uid"]}
