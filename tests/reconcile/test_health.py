"""What becomes of an exporter that fails, through the API."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from jumplab_operator.leasing.model.exporter_health import RETURN, Found
from jumplab_operator.names import Name
from jumplab_operator.reconcile.composition.compose import running_lab
from tests.reconcile.world import (
    Plain,
    SimulatedExporter,
    Tokens,
    World,
    bench,
    condition,
    message_of,
    reason_of,
    serving,
)

OVERDUE = Found("Failed", 3, datetime.now(UTC) + timedelta(hours=1), "the relay does not answer", "", "10:00 no answer")


def quarantine(plain: Plain) -> Plain | None:
    return plain.get("status", {}).get("quarantine")


def in_quarantine(plain: Plain) -> bool:
    return quarantine(plain) is not None and reason_of(plain, "Healthy") == "Quarantined"


async def fail(world: World, exporter: SimulatedExporter, name: str) -> None:
    """A lease that ends in the exporter's failure."""
    world.lease(name)
    ready = await world.until_ready(name)
    uid = ready["metadata"]["uid"]
    await exporter.report("BeforeLeaseHookFailed", uid, release=True, message="the board does not boot")
    await world.until_reason(name, "ExporterFailed")


async def test_repeated_failures_quarantine_until_a_check_passes(world: World) -> None:
    world.exporter("bench-1")
    async with bench(world) as exporter:
        exporter.health = OVERDUE
        await exporter.report("Available")
        shown = await world.until("exporters", "bench-1", in_quarantine)
        told = quarantine(shown)
        assert told is not None
        assert told["reason"] == "the relay does not answer; 3 consecutive failures"
        assert told["log"] == "10:00 no answer"
        assert told["since"]
        await world.until_event("Quarantined")

        world.lease("wants")
        waiting = await world.until_reason("wants", "Quarantined")
        assert message_of(waiting) == "the one exporter that matches board=imx8 is quarantined (bench-1)"

        exporter.health = Found("Passed")
        await exporter.report("Available")
        await world.until_ready("wants")
        back = await world.until("exporters", "bench-1", lambda it: condition(it, "Healthy") == "True")
        assert quarantine(back) is None
        await world.until_event("Returned")


async def test_leases_that_fail_one_after_another_quarantine_until_an_administrator_says_so(world: World) -> None:
    world.exporter("bench-1")
    async with bench(world) as exporter:
        for number in range(3):
            assert quarantine(world.get("exporters", "bench-1")) is None
            await fail(world, exporter, f"failed-{number}")
        shown = await world.until("exporters", "bench-1", in_quarantine)
        assert "the board does not boot; 3 consecutive failures" in message_of(shown, "Healthy")
        assert RETURN in message_of(shown, "Healthy")
        await world.until_unclaimed("bench-1")
        world.lease("wants")
        await world.until_reason("wants", "Quarantined")

        world.patch("exporters", "bench-1", {"metadata": {"annotations": {RETURN: "yes"}}}).ok()
        await world.until_ready("wants")
        back = await world.until("exporters", "bench-1", lambda it: RETURN not in it["metadata"].get("annotations", {}))
        assert quarantine(back) is None
        assert back["status"]["clearedTime"]


async def test_a_lease_that_goes_well_begins_the_count_anew(world: World) -> None:
    world.exporter("bench-1")
    async with bench(world) as exporter:
        for number in range(2):
            await fail(world, exporter, f"failed-{number}")
        failed = await world.until("exporters", "bench-1", lambda it: reason_of(it, "Healthy") == "LeaseFailed")
        assert condition(failed, "Healthy") == "False"
        world.lease("good")
        await world.until_ready("good")
        world.patch("leases", "good", {"spec": {"release": True}}).ok()
        await world.until("exporters", "bench-1", lambda it: condition(it, "Healthy") == "True")


async def test_a_quarantine_outlives_the_operator(world: World) -> None:
    world.exporter("bench-1")
    async with bench(world) as exporter:
        exporter.health = OVERDUE
        await exporter.report("Available")
        before = quarantine(await world.until("exporters", "bench-1", in_quarantine))
    async with bench(world):
        world.lease("wants")
        waiting = await world.until_reason("wants", "Quarantined")
        assert "bench-1" in message_of(waiting)
        assert quarantine(world.get("exporters", "bench-1")) == before


async def test_nobody_is_given_an_exporter_that_wants_to_check_its_devices_first(world: World) -> None:
    world.exporter("bench-1")
    async with (
        running_lab(world.access, world.settings(), Tokens()) as lab,
        serving(SimulatedExporter(lab, Name(world.namespace, "bench-1"), health=Found("Due"))) as exporter,
    ):
        world.lease("wants")
        await world.until("leases", "wants", lambda it: message_of(it).endswith("is not ready (bench-1)"))
        exporter.health = Found("Passed")
        await exporter.report("Available")
        await world.until_ready("wants")


async def test_the_lease_of_an_exporter_that_is_quarantined_goes_on(world: World) -> None:
    world.exporter("bench-1")
    async with bench(world) as exporter:
        world.lease("mine")
        held = await world.until_ready("mine")
        exporter.health = OVERDUE
        await exporter.report("LeaseReady", held["metadata"]["uid"])
        await world.until("exporters", "bench-1", in_quarantine)
        assert condition(world.get("leases", "mine"), "Ready") == "True"


async def test_drivers_that_can_not_be_used_make_it_unhealthy_and_nothing_more(world: World) -> None:
    world.exporter("bench-1")
    async with bench(world) as exporter:
        exporter.health = Found(broken_drivers='driver "relay" can\'t be used: no such port')
        await exporter.report("Available")
        shown = await world.until("exporters", "bench-1", lambda it: condition(it, "Healthy") == "False")
        assert reason_of(shown, "Healthy") == "DriverFailed"
        assert "no such port" in message_of(shown, "Healthy")
        world.lease("wants")
        await world.until_ready("wants")
