"""A lease whose exporter is lost before anybody has used it gets another; one that was used stays."""

from __future__ import annotations

from jumplab_operator.controller.lab import Name
from jumplab_operator.handlers.running import running_lab
from tests.operator.test_health import PATIENT
from tests.operator.world import SimulatedExporter, Tokens, World, condition, message_of, reason_of, serving


async def test_an_unused_lease_moves_to_another_exporter(world: World) -> None:
    first, second = (Name(world.namespace, name) for name in ("bench-1", "bench-2"))
    world.exporter(first.name)
    async with running_lab(world.access, world.settings(**PATIENT), Tokens()) as lab:
        async with serving(SimulatedExporter(lab, first)):
            world.lease("unused")
            held = await world.until_ready("unused")
        waiting = await world.until("leases", "unused", lambda it: condition(it, "Ready") == "False")
        assert "was lost before the lease was used" in message_of(waiting)
        assert not {"beginTime", "expectedEndTime", "exporterRef"} & waiting["status"].keys()
        await world.until_event("GivenUp")

        world.exporter(second.name)
        await world.until("exporters", second.name, lambda it: it.get("status", {}).get("credential"))
        async with serving(SimulatedExporter(lab, second)):
            moved = await world.until_ready("unused")
            assert moved["status"]["exporterRef"]["name"] == second.name
            assert moved["metadata"]["uid"] == held["metadata"]["uid"]
            # What was lost is claimed until it says that it has cleaned up, or its deadline has passed.
            assert world.get("exporters", first.name)["status"]["leaseRef"]["uid"] == held["metadata"]["uid"]
            async with serving(SimulatedExporter(lab, first, epoch="2")):
                await world.until_unclaimed(first.name)
            assert condition(world.get("leases", "unused"), "Ready") == "True"


async def test_the_same_exporter_serves_it_when_it_is_the_only_one_and_comes_back(world: World) -> None:
    world.exporter("bench-1")
    name = Name(world.namespace, "bench-1")
    settings = world.settings(**PATIENT, avoid_for=PATIENT["confirm_within"] / 30)
    async with running_lab(world.access, settings, Tokens()) as lab:
        async with serving(SimulatedExporter(lab, name)):
            world.lease("unused")
            await world.until_ready("unused")
        await world.until("leases", "unused", lambda it: reason_of(it) not in ("Ready", None))
        async with serving(SimulatedExporter(lab, name, epoch="2")):
            await world.until_ready("unused")


async def test_a_lease_that_was_used_stays_where_it_is(world: World) -> None:
    for name in ("bench-1", "bench-2"):
        world.exporter(name)
    first, second = (Name(world.namespace, name) for name in ("bench-1", "bench-2"))
    async with running_lab(world.access, world.settings(**PATIENT), Tokens()) as lab:
        async with serving(SimulatedExporter(lab, first)):
            world.lease("used")
            await world.until_ready("used")
            world.use("used")
        async with serving(SimulatedExporter(lab, second)):
            away = await world.until("leases", "used", lambda it: condition(it, "ExporterOnline") == "False")
            assert condition(away, "Ready") == "True"
            assert away["status"]["exporterRef"]["name"] == first.name
