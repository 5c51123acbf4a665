"""Exporters that vanish, hang, fail, or say goodbye."""

from __future__ import annotations

from datetime import timedelta

import pytest

from jumplab_operator.controller.lab import StatusReport
from jumplab_operator.errors import ApiRefused
from jumplab_operator.names import Name
from jumplab_operator.reconcile.composition.compose import running_lab
from tests.reconcile.world import (
    JumpingClock,
    SimulatedExporter,
    Tokens,
    World,
    bench,
    condition,
    message_of,
    reason_of,
    serving,
)


async def test_an_exporter_is_offline_when_its_connection_does_not_come_back(world: World) -> None:
    world.exporter("bench-1")
    async with running_lab(world.access, world.settings(), Tokens()) as lab:
        async with serving(SimulatedExporter(lab, Name(world.namespace, "bench-1"))):
            seen = await world.until("exporters", "bench-1", lambda it: condition(it, "Online") == "True")
            assert "lastSeen" in seen["status"]
        gone = await world.until("exporters", "bench-1", lambda it: condition(it, "Online") == "False")
        assert gone["status"]["exporterStatus"] == "Offline"


async def test_an_exporter_that_says_goodbye_is_offline_at_once(world: World) -> None:
    world.exporter("bench-1")
    async with bench(world, connection_grace=timedelta(hours=1)) as exporter:
        await world.until("exporters", "bench-1", lambda it: it.get("status", {}).get("exporterStatus") == "Available")
        await exporter.lab.say_goodbye(exporter.name, "the host goes down")
        gone = world.get("exporters", "bench-1")
        assert condition(gone, "Online") == "False"
        assert gone["status"]["statusMessage"] == "it disconnected: the host goes down"


async def test_a_used_lease_stays_while_its_exporter_is_away(world: World) -> None:
    world.exporter("bench-1")
    async with running_lab(world.access, world.settings(), Tokens()) as lab:
        async with serving(SimulatedExporter(lab, Name(world.namespace, "bench-1"))) as exporter:
            world.lease("first")
            ready = await world.until_ready("first")
            await exporter.attend(ready["metadata"]["uid"], attached=True, times=1)
        away = await world.until("leases", "first", lambda it: condition(it, "ExporterOnline") == "False")
        assert condition(away, "Ready") == "True"
        async with serving(SimulatedExporter(lab, Name(world.namespace, "bench-1"), epoch="2")):
            await world.until("leases", "first", lambda it: condition(it, "ExporterOnline") == "True")
        world.delete("leases", "first")


async def test_a_hanging_exporter_is_given_up_and_the_lease_placed_elsewhere(world: World) -> None:
    world.exporter("bench-1")
    world.exporter("bench-2")
    clock = JumpingClock()
    async with bench(world, clock=clock) as hanging:
        hanging.confirms = hanging.cleans = False
        world.lease("first")
        await hanging.told.wait()
        clock.jump(world.settings().confirm_within)
        given_up = await world.until(
            "leases", "first", lambda it: reason_of(it) == "NotReady" and "exporterRef" not in it["status"]
        )
        assert "bench-1" in message_of(given_up)
        async with serving(SimulatedExporter(hanging.lab, Name(world.namespace, "bench-2"))):
            ready = await world.until_ready("first")
            assert ready["status"]["exporterRef"]["name"] == "bench-2"
            assert world.get("exporters", "bench-1")["status"]["leaseRef"]["name"] == "first"
            await hanging.report("Available", ready["metadata"]["uid"])
            await world.until_unclaimed("bench-1")


async def test_an_exporter_that_was_given_up_is_offered_the_lease_again_later(world: World) -> None:
    world.exporter("bench-1")
    clock = JumpingClock()
    async with bench(world, avoid_for=timedelta(seconds=2), clock=clock) as exporter:
        exporter.confirms = False
        world.lease("first")
        await exporter.told.wait()
        clock.jump(world.settings().confirm_within)
        await world.until("leases", "first", lambda it: "did not confirm" in message_of(it))
        await world.until_unclaimed("bench-1")
        exporter.confirms = True
        await world.until_ready("first")


async def test_a_lease_ends_when_its_exporter_asks_for_that(world: World) -> None:
    world.exporter("bench-1")
    async with bench(world) as exporter:
        exporter.confirms = False
        world.lease("first")
        assigned = await world.until("leases", "first", lambda it: condition(it, "Assigned") == "True")
        uid = assigned["metadata"]["uid"]
        await exporter.report("BeforeLeaseHookFailed", uid, release=True, message="no power")
        ended = world.get("leases", "first")
        assert (ended["status"]["ended"], reason_of(ended)) == (True, "ExporterFailed")
        assert "no power" in message_of(ended)
        await world.until_unclaimed("bench-1")


async def test_a_released_lease_holds_its_exporter_until_that_is_clean(world: World) -> None:
    world.exporter("bench-1")
    async with bench(world) as exporter:
        exporter.cleans = False
        first = world.lease("first")
        await world.until_ready("first")
        world.patch("leases", "first", {"spec": {"release": True}}).ok()
        await world.until_reason("first", "Released")
        world.lease("second")
        await world.until_reason("second", "NotReady")
        assert world.get("exporters", "bench-1")["status"]["leaseRef"]["name"] == "first"
        await exporter.report("Available", first["metadata"]["uid"])
        await world.until_ready("second")


async def test_the_claim_of_an_exporter_that_never_comes_back_is_cleared_after_the_deadline(world: World) -> None:
    world.exporter("bench-1")
    clock = JumpingClock()
    async with running_lab(world.access, world.settings(), Tokens(), clock) as lab:
        async with serving(SimulatedExporter(lab, Name(world.namespace, "bench-1"))) as exporter:
            world.lease("first")
            ready = await world.until_ready("first")
            await exporter.attend(ready["metadata"]["uid"], attached=True, times=1)
        clock.jump(timedelta(minutes=11))
        await world.until_reason("first", "Expired")
        freed = await world.until_unclaimed("bench-1")
        assert condition(freed, "Online") == "False"


async def test_an_exporter_sets_only_labels_of_its_own_on_itself(world: World) -> None:
    world.exporter("bench-1")
    async with running_lab(world.access, world.settings(), Tokens()) as lab:
        labels = {"jumpstarter.dev/serial": "7", "board": "other", "team": "mine"}
        device = {"uuid": "u", "labels": {"jumpstarter.dev/client": "jumplab.drivers.power.PowerClient"}}
        await lab.register(Name(world.namespace, "bench-1"), labels, [device])
        seen = await world.until("exporters", "bench-1", lambda it: condition(it, "Registered") == "True")
        assert seen["metadata"]["labels"] == {"board": "imx8", "jumpstarter.dev/serial": "7"}
        assert seen["status"]["devices"] == [device]


async def test_a_report_of_no_known_status_is_refused(world: World) -> None:
    world.exporter("bench-1")
    async with running_lab(world.access, world.settings(), Tokens()) as lab:
        with pytest.raises(ApiRefused, match='"Dancing" is not an exporter status'):
            await lab.report(Name(world.namespace, "bench-1"), StatusReport("Dancing", "", "", "1", False))


async def test_a_new_connection_takes_the_place_of_the_one_before(world: World) -> None:
    exporter = world.exporter("bench-1")
    name, uid = Name(world.namespace, "bench-1"), exporter["metadata"]["uid"]
    async with running_lab(world.access, world.settings(), Tokens()) as lab, lab.presence(name, uid) as first:
        assert await anext(first) is None
        async with lab.presence(name, uid) as second:
            assert await anext(second) is None
            with pytest.raises(StopAsyncIteration):
                await anext(first)


async def test_a_rotated_token_replaces_the_one_in_the_secret(world: World) -> None:
    async with running_lab(world.access, world.settings(), Tokens()) as lab:
        await world.until("clients", "ci", lambda it: it.get("status", {}).get("credential"))
        before = world.token("ci")
        token, _ = await lab.rotate_client_token(Name(world.namespace, "ci"), before)
        assert token.startswith("Client/")
        assert world.token("ci") == token != before
