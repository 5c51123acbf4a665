"""Leases that begin later, through the API."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from tests.reconcile.world import World, bench, message_of, reason_of


def after(**length: float) -> str:
    moment = datetime.now(UTC).replace(microsecond=0) + timedelta(**length)
    return moment.isoformat().replace("+00:00", "Z")


def kept(plain: dict[str, Any]) -> str | None:
    reference = plain.get("status", {}).get("keptExporterRef")
    return reference["name"] if reference else None


async def test_an_exporter_is_kept_and_leased_until_then_only_by_who_ends_in_time(world: World) -> None:
    world.exporter("bench-1")
    async with bench(world):
        world.lease("booked", beginTime=after(hours=1))
        waiting = await world.until("leases", "booked", lambda it: kept(it) == "bench-1")
        assert reason_of(waiting) == "Scheduled"
        world.lease("long", duration="2h")
        held_back = await world.until_reason("long", "NotAvailable")
        assert "is reserved for a later lease from" in message_of(held_back)
        world.lease("short", duration="10m")
        await world.until_ready("short")


async def test_at_its_begin_a_reservation_gets_what_was_kept(world: World) -> None:
    world.exporter("bench-1")
    async with bench(world):
        world.lease("booked", beginTime=after(hours=1))
        await world.until("leases", "booked", lambda it: kept(it) == "bench-1")
        world.lease("rival", duration="2h")
        await world.until_reason("rival", "NotAvailable")
        world.patch("leases", "booked", {"spec": {"beginTime": after(seconds=2)}}).ok()
        ready = await world.until_ready("booked")
        assert kept(ready) is None
        assert ready["status"]["exporterRef"] == {"name": "bench-1"}


async def test_a_reservation_moves_only_where_nobody_is(world: World) -> None:
    world.exporter("bench-1")
    first, second, free = after(hours=1), after(hours=2), after(hours=3)
    async with bench(world):
        world.lease("one", beginTime=first)
        await world.until("leases", "one", lambda it: kept(it) == "bench-1")
        world.lease("two", beginTime=second)
        await world.until("leases", "two", lambda it: kept(it) == "bench-1")
        world.patch("leases", "one", {"spec": {"beginTime": second}}).ok()
        refused = await world.until("leases", "one", lambda it: reason_of(it, "Invalid") == "Reserved")
        assert refused["status"]["accepted"]["beginTime"] == first
        world.patch("leases", "one", {"spec": {"beginTime": free}}).ok()
        await world.until("leases", "one", lambda it: it["status"]["accepted"]["beginTime"] == free and kept(it))


async def test_a_running_lease_is_not_extended_into_a_slot(world: World) -> None:
    world.exporter("bench-1")
    async with bench(world):
        world.lease("running", duration="10m")
        await world.until_ready("running")
        world.lease("booked", beginTime=after(hours=1))
        await world.until("leases", "booked", lambda it: kept(it) == "bench-1")
        world.patch("leases", "running", {"spec": {"duration": "2h"}}).ok()
        refused = await world.until("leases", "running", lambda it: reason_of(it, "Invalid") == "Reserved")
        assert refused["status"]["accepted"]["duration"] == "10m"
        world.patch("leases", "running", {"spec": {"duration": "30m"}}).ok()
        await world.until("leases", "running", lambda it: it["status"]["accepted"]["duration"] == "30m")
