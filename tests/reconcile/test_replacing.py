"""A lease whose exporter is lost before anybody has used it gets another; one that was used stays."""

from __future__ import annotations

from contextlib import AsyncExitStack

from jumplab_operator.names import Name
from jumplab_operator.reconcile.composition.compose import running_lab
from tests.reconcile.test_gangs import claim_of, gang
from tests.reconcile.world import SimulatedExporter, Tokens, World, condition, serving


async def test_an_unused_lease_moves_to_another_exporter(world: World) -> None:
    first, second = (Name(world.namespace, name) for name in ("bench-1", "bench-2"))
    world.exporter(first.name)
    async with running_lab(world.access, world.settings(), Tokens()) as lab:
        async with serving(SimulatedExporter(lab, first)):
            world.lease("unused")
            held = await world.until_ready("unused")
        waiting = await world.until("leases", "unused", lambda it: condition(it, "Ready") == "False")
        assert not {"beginTime", "expectedEndTime", "exporterRef"} & waiting["status"].keys()
        why = await world.until_event("GivenUp")
        assert why == 'exporter "bench-1" went offline before the lease was used; the lease waits for another exporter'

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


async def test_the_same_exporter_serves_it_where_it_is_the_only_one_and_comes_back(world: World) -> None:
    world.exporter("bench-1")
    name = Name(world.namespace, "bench-1")
    async with running_lab(world.access, world.settings(), Tokens()) as lab:
        async with serving(SimulatedExporter(lab, name)):
            world.lease("unused")
            await world.until_ready("unused")
        await world.until("leases", "unused", lambda it: condition(it, "Ready") == "False")
        async with serving(SimulatedExporter(lab, name, epoch="2")):
            await world.until_ready("unused")


async def test_it_waits_for_an_exporter_that_comes_back_with_it_to_clean_up(world: World) -> None:
    world.exporter("bench-1")
    name = Name(world.namespace, "bench-1")
    async with running_lab(world.access, world.settings(), Tokens()) as lab:
        async with serving(SimulatedExporter(lab, name)):
            uid = world.lease("unused")["metadata"]["uid"]
            await world.until_ready("unused")
        await world.until("leases", "unused", lambda it: condition(it, "Ready") == "False")
        exporter = lab.exporter(name)
        assert exporter is not None
        same = SimulatedExporter(lab, name)
        async with lab.presence(name, exporter.uid) as assignments:
            while await anext(assignments) is not None:
                pass  # what the API knows, the operator may still have to hear
            await same.report("AfterLeaseHook", uid)
            await same.report("Available", uid)
            again = await anext(assignments)
            assert again is not None
            assert again.lease_uid == uid
            await same.report("LeaseReady", uid)
            await world.until_ready("unused")


async def test_a_gang_goes_back_whole(world: World) -> None:
    names = {"dut": "imx8", "peer": "rpi", "spare": "rpi"}
    for name, board in names.items():
        world.exporter(name, board=board)
    async with AsyncExitStack() as stack:
        lab = await stack.enter_async_context(running_lab(world.access, world.settings(), Tokens()))
        made = {name: SimulatedExporter(lab, Name(world.namespace, name)) for name in names}
        await stack.enter_async_context(serving(made["dut"]))
        async with serving(made["peer"]):
            gang(world, "both")
            await world.until_ready("both")
        waiting = await world.until("leases", "both", lambda it: condition(it, "Ready") == "False")
        assert 'exporter "peer" went offline' in await world.until_event("GivenUp")
        assert "exporters" not in waiting["status"]
        await world.until_unclaimed("dut")
        await stack.enter_async_context(serving(made["spare"]))
        ready = await world.until_ready("both")
        members = {each["name"]: each["exporterRef"]["name"] for each in ready["status"]["exporters"]}
        assert members == {"dut": "dut", "peer": "spare"}
        assert claim_of(world, "dut") == "both"


async def test_a_lease_that_was_used_stays_where_it_is(world: World) -> None:
    world.exporter("bench-1")
    name = Name(world.namespace, "bench-1")
    async with running_lab(world.access, world.settings(), Tokens()) as lab:
        async with serving(SimulatedExporter(lab, name)) as exporter:
            uid = world.lease("used")["metadata"]["uid"]
            await world.until_ready("used")
            await exporter.attend(uid, attached=True, times=1)
            await exporter.attend(uid, attached=False, times=1)
        await stays(world, "used")


async def test_a_lease_stays_where_its_exporter_does_not_tell_who_is_attached(world: World) -> None:
    world.exporter("bench-1")
    async with running_lab(world.access, world.settings(), Tokens()) as lab:
        async with serving(SimulatedExporter(lab, Name(world.namespace, "bench-1"), tells=False)):
            world.lease("perhaps")
            await world.until_ready("perhaps")
        await stays(world, "perhaps")


async def stays(world: World, lease: str) -> None:
    """Its exporter goes offline, and it is as it was."""
    away = await world.until("leases", lease, lambda it: condition(it, "ExporterOnline") == "False")
    assert condition(away, "Ready") == "True"
    assert away["status"]["exporterRef"]["name"] == "bench-1"
