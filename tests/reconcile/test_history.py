"""What leases leave behind: the Lease that stays, and the history of its exporter."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from jumplab_operator.clock import SystemClock
from jumplab_operator.errors import NameTaken
from jumplab_operator.kube.client import connected
from jumplab_operator.names import Name
from jumplab_operator.reconcile.composition.compose import lab_over
from jumplab_operator.reconcile.composition.lab_service import LabService
from jumplab_operator.resources.metadata import format_instant
from tests.reconcile.test_gangs import gang
from tests.reconcile.watched import Watched
from tests.reconcile.world import (
    JumpingClock,
    Plain,
    SimulatedExporter,
    Tokens,
    World,
    bench,
    condition,
    reason_of,
    serving,
)

SPEC = {"clientRef": {"name": "ci"}, "duration": "10m", "selector": {"matchLabels": {"board": "imx8"}}}


@dataclass
class Counted:
    """An operator whose writes are counted, and an exporter."""

    lab: LabService
    api: Watched
    exporter: SimulatedExporter

    namespace: str

    @property
    def written(self) -> list[str]:
        """The writes, as `PATCH /leases/first/status`."""
        methods_and_paths = [write.split(" {")[0].split(" ", 1) for write in self.api.writes]
        return [f"{method} {where.split(self.namespace)[1].split(' ')[0]}" for method, where in methods_and_paths]


@asynccontextmanager
async def counted(world: World, **settings: Any) -> AsyncIterator[Counted]:
    async with (
        connected(world.access) as kube,
        lab_over(api := Watched(kube), world.watch, world.settings(**settings), Tokens(), SystemClock()) as lab,
        serving(SimulatedExporter(lab, Name(world.namespace, "bench-1"))) as exporter,
    ):
        await world.until("exporters", "bench-1", lambda it: it.get("status", {}).get("exporterStatus") == "Available")
        yield Counted(lab, api, exporter, world.namespace)


async def history_of(world: World, exporter: str, length: int) -> list[Plain]:
    """The exporter's history, once it is so long."""
    found = await world.until("exporters", exporter, lambda it: len(it.get("status", {}).get("history", [])) == length)
    return list(found["status"]["history"])


async def has_ended(world: World, lease: str) -> Plain:
    return await world.until("leases", lease, lambda it: it.get("status", {}).get("ended"))


async def test_a_leases_life_is_in_its_exporters_history(world: World) -> None:
    world.exporter("bench-1")
    async with bench(world):
        world.lease("first")
        ready = await world.until_ready("first")
        world.patch("leases", "first", {"spec": {"release": True}}).ok()
        (entry,) = await history_of(world, "bench-1", 1)
        ended = world.get("leases", "first")
        assert entry == {
            "lease": "first",
            "uid": ready["metadata"]["uid"],
            "client": "ci",
            "began": ready["status"]["beginTime"],
            "ended": ended["status"]["endTime"],
            "reason": "Released",
        }
        assert "leaseRef" not in world.get("exporters", "bench-1")["status"]


async def test_the_write_that_clears_a_claim_is_the_one_that_records_it(world: World) -> None:
    """A history costs no write of its own. Other writes are joined, or not, as fast as the machine is."""
    world.exporter("bench-1")
    async with counted(world) as lab:
        lab.api.writes.clear()
        world.lease("first")
        await world.until_ready("first")
        await world.until("exporters", "bench-1", lambda it: it["status"]["exporterStatus"] == "LeaseReady")
        world.patch("leases", "first", {"spec": {"release": True}}).ok()
        await world.until_event("Ended")
        await world.until("leases", "first", lambda it: it["metadata"].get("labels"))
        await history_of(world, "bench-1", 1)
        await world.until_unclaimed("bench-1")
        (recording,) = (write for write in lab.api.writes if "'history':" in write)
        assert "'leaseRef': None" in recording
        ten = {
            "PATCH /exporters/bench-1/status": 4,  # claimed, ready, available again and cleared, mostly in one
            "PATCH /leases/first/status": 2,
            "PATCH /leases/first": 1,
            "POST /events": 3,
        }
        assert Counter(lab.written) <= Counter(ten), lab.written


async def test_a_release_over_grpc_leaves_the_lease_and_is_in_force_at_once(world: World) -> None:
    world.exporter("bench-1")
    async with counted(world) as lab:
        name = Name(world.namespace, "first")
        await lab.lab.create_lease(world.namespace, "first", SPEC)
        await world.until_ready("first")
        lab.api.writes.clear()
        await lab.lab.release_lease(name)
        ended = world.get("leases", "first")
        assert (ended["status"]["ended"], reason_of(ended)) == (True, "Released")
        assert ended["metadata"]["labels"] == {"jumpstarter.dev/lease-ended": "true"}
        await world.until_event("Ended")
        await world.until_unclaimed("bench-1")
        leases = [write for write in lab.written if "/leases" in write]
        assert leases == ["PATCH /leases/first", "PATCH /leases/first/status"]


async def test_a_release_of_a_lease_that_has_ended_changes_and_writes_nothing(world: World) -> None:
    world.exporter("bench-1")
    async with counted(world) as lab:
        name = Name(world.namespace, "first")
        await lab.lab.create_lease(world.namespace, "first", SPEC)
        await world.until_ready("first")
        await lab.lab.release_lease(name)
        await world.until_event("Ended")
        await world.until_unclaimed("bench-1")
        lab.api.writes.clear()
        before = world.get("leases", "first")
        await lab.lab.release_lease(name)
        assert (world.get("leases", "first"), lab.api.writes) == (before, [])


async def test_the_name_of_ones_own_ended_lease_is_free_and_that_of_any_other_lease_is_not(world: World) -> None:
    world.exporter("bench-1")
    world.create("Client", "ann", {})
    async with counted(world) as lab:
        made = await lab.lab.create_lease(world.namespace, "first", SPEC)
        await world.until_ready("first")
        with pytest.raises(NameTaken, match='your lease "first" has not ended; release it first, or choose another'):
            await lab.lab.create_lease(world.namespace, "first", SPEC)
        anns = {**SPEC, "clientRef": {"name": "ann"}}
        with pytest.raises(NameTaken, match='the name "first" belongs to a lease of client "ci"; choose another name'):
            await lab.lab.create_lease(world.namespace, "first", anns)
        await lab.lab.release_lease(Name(world.namespace, "first"))
        with pytest.raises(NameTaken, match='"first" belongs to an ended lease of client "ci"; choose another name'):
            await lab.lab.create_lease(world.namespace, "first", anns)
        again = await lab.lab.create_lease(world.namespace, "first", SPEC)
        assert again.uid != made.uid
        await world.until("leases", "first", lambda it: it["metadata"]["uid"] == again.uid and reason_of(it) == "Ready")


async def test_a_lease_that_is_replaced_while_its_exporter_cleans_up_is_in_the_history(world: World) -> None:
    world.exporter("bench-1")
    async with counted(world) as lab:
        lab.exporter.cleans = False
        made = await lab.lab.create_lease(world.namespace, "first", SPEC)
        ready = await world.until_ready("first")
        await lab.lab.release_lease(Name(world.namespace, "first"))
        ended = world.get("leases", "first")["status"]["endTime"]
        again = await lab.lab.create_lease(world.namespace, "first", SPEC)
        await lab.exporter.report("Available", made.uid)
        (entry,) = await history_of(world, "bench-1", 1)
        assert entry == {
            "lease": "first",
            "uid": made.uid,
            "client": "ci",
            "began": ready["status"]["beginTime"],
            "ended": ended,
            "reason": "Released",
        }
        await world.until("leases", "first", lambda it: it["metadata"]["uid"] == again.uid and reason_of(it) == "Ready")


async def test_a_lease_that_is_over_and_has_not_ended_yet_is_ended_and_replaced(world: World) -> None:
    """An operator that is told to release it, and is busy, has not come to it when its name is wanted."""
    world.exporter("bench-1")
    async with counted(world) as lab:
        made = await lab.lab.create_lease(world.namespace, "first", SPEC)
        await world.until_ready("first")
        world.patch("leases", "first", {"spec": {"release": True}}).ok()
        again = await lab.lab.create_lease(world.namespace, "first", SPEC)
        assert again.uid != made.uid
        assert [entry["reason"] for entry in await history_of(world, "bench-1", 1)] == ["Released"]


async def test_a_lease_that_is_deleted_in_use_is_in_the_history(world: World) -> None:
    world.exporter("bench-1")
    async with bench(world):
        world.lease("first")
        ready = await world.until_ready("first")
        world.delete("leases", "first")
        (entry,) = await history_of(world, "bench-1", 1)
    assert (entry["client"], entry["began"], entry["reason"]) == ("ci", ready["status"]["beginTime"], "Deleted")
    assert entry["uid"] == ready["metadata"]["uid"]


async def test_a_lease_that_is_deleted_while_no_operator_runs_is_in_the_history_by_its_claim(world: World) -> None:
    world.exporter("bench-1")
    async with bench(world):
        world.lease("first")
        await world.until_ready("first")
        claim = world.get("exporters", "bench-1")["status"]["leaseRef"]
    world.delete("leases", "first")
    async with bench(world) as exporter:
        await exporter.report("Available", claim["uid"])
        (entry,) = await history_of(world, "bench-1", 1)
    assert (entry["lease"], entry["uid"], entry["client"]) == ("first", claim["uid"], "ci")
    assert (entry["began"], entry["reason"]) == (claim["since"], "Deleted")


async def test_a_lease_that_was_handed_over_is_its_last_holders_in_claim_and_history(world: World) -> None:
    world.exporter("bench-1")
    world.create("Client", "ann", {})
    async with bench(world) as exporter:
        world.lease("first")
        await world.until_ready("first")
        await exporter.lab.edit_lease(Name(world.namespace, "first"), {"clientRef": {"name": "ann"}})
        await world.until("exporters", "bench-1", lambda it: it["status"]["leaseRef"]["client"] == "ann")
        await exporter.lab.release_lease(Name(world.namespace, "first"))
        assert [entry["client"] for entry in await history_of(world, "bench-1", 1)] == ["ann"]


async def test_each_exporter_of_a_gang_has_its_own_entry(world: World) -> None:
    world.exporter("dut", board="imx8")
    world.exporter("peer", board="rpi")
    async with (
        bench(world, "dut") as dut,
        serving(SimulatedExporter(dut.lab, Name(world.namespace, "peer"))) as peer,
    ):
        gang(world, "pair")
        ready = await world.until_ready("pair")
        uid = ready["metadata"]["uid"]
        await peer.report("AfterLeaseHookFailed", uid, release=True, message="its relay is stuck")
        await has_ended(world, "pair")
        (of_peer,) = await history_of(world, "peer", 1)
        (of_dut,) = await history_of(world, "dut", 1)
    assert (of_peer["uid"], of_peer["reason"]) == (uid, "ExporterFailed")
    assert (of_dut["uid"], of_dut["reason"]) == (uid, "MemberFailed")


async def test_a_lease_that_never_had_the_exporter_leaves_nothing_in_its_history(world: World) -> None:
    world.exporter("bench-1")
    async with bench(world) as exporter:
        world.lease("first")
        await world.until_ready("first")
        world.lease("waits")
        await world.until_reason("waits", "NotAvailable")
        await exporter.lab.release_lease(Name(world.namespace, "waits"))
        await exporter.lab.release_lease(Name(world.namespace, "first"))
        assert [entry["lease"] for entry in await history_of(world, "bench-1", 1)] == ["first"]


async def test_a_history_has_the_last_fifty_leases(world: World) -> None:
    world.exporter("bench-1")
    record(world, "bench-1", *(past(f"old-{number}", "ann", hours_ago=100 - number) for number in range(50)))
    async with bench(world) as exporter:
        world.lease("new")
        await world.until_ready("new")
        await exporter.lab.release_lease(Name(world.namespace, "new"))
        found = await world.until("exporters", "bench-1", lambda it: it["status"]["history"][-1]["lease"] == "new")
        assert [entry["lease"] for entry in found["status"]["history"]] == [*(f"old-{n}" for n in range(1, 50)), "new"]


async def test_fair_share_goes_by_histories_where_the_leases_are_gone(world: World) -> None:
    world.exporter("bench-1")
    world.create("Client", "ann", {})
    record(world, "bench-1", past("mine", "ci", hours_ago=3))
    async with bench(world) as exporter:
        world.lease("busy", clientRef={"name": "busy"})
        world.create("Client", "busy", {})
        await world.until_ready("busy")
        world.lease("first")
        await world.until_reason("first", "NotAvailable")
        world.lease("second", clientRef={"name": "ann"})
        await world.until_reason("second", "NotAvailable")
        world.patch("leases", "busy", {"spec": {"release": True}}).ok()
        await world.until_ready("second")
        assert reason_of(world.get("leases", "first")) == "NotAvailable"
        await exporter.lab.release_lease(Name(world.namespace, "second"))
        await world.until_ready("first")


@pytest.mark.parametrize("way", ["released", "deleted"])
async def test_a_client_that_has_just_had_the_board_is_behind_one_that_has_had_nothing(world: World, way: str) -> None:
    """Also while the exporter cleans up, and no history has the lease yet."""
    world.exporter("bench-1")
    world.create("Client", "ann", {})
    clock = JumpingClock()
    async with bench(world, clock=clock) as exporter:
        world.lease("first")
        ready = await world.until_ready("first")
        world.lease("again")
        await world.until_reason("again", "NotAvailable")
        world.lease("anns", clientRef={"name": "ann"})
        await world.until_reason("anns", "NotAvailable")
        exporter.cleans = False
        clock.jump(timedelta(seconds=2))  # usage is counted in whole seconds
        if way == "deleted":
            world.delete("leases", "first")
        else:
            await exporter.lab.release_lease(Name(world.namespace, "first"))
        await world.until("leases", "anns", lambda it: it["status"].get("queue", {}).get("position") == 1)
        await exporter.report("Available", ready["metadata"]["uid"])
        await world.until_ready("anns")


async def test_quarantine_goes_by_histories_where_the_leases_are_gone(world: World) -> None:
    world.exporter("bench-1")
    failed = [past(f"bad-{n}", "ci", hours_ago=9 - n, reason="ExporterFailed") for n in range(3)]
    record(world, "bench-1", past("good", "ci", hours_ago=10), *failed)
    async with bench(world):
        found = await world.until("exporters", "bench-1", lambda it: it["status"].get("quarantine"))
        assert found["status"]["quarantine"]["reason"] == (
            'lease "bad-2" ended because the exporter failed; 3 consecutive failures'
        )


async def test_a_lease_that_went_well_clears_the_failures_before_it_though_all_are_gone(world: World) -> None:
    world.exporter("bench-1")
    failed = [past(f"bad-{n}", "ci", hours_ago=9 - n, reason="ExporterFailed") for n in range(3)]
    record(world, "bench-1", *failed, past("good", "ci", hours_ago=2))
    async with bench(world):
        found = await world.until("exporters", "bench-1", lambda it: condition(it, "Healthy"))
        assert condition(found, "Healthy") == "True"


async def test_the_event_of_an_end_says_who_had_what(world: World) -> None:
    world.exporter("bench-1")
    async with bench(world):
        world.lease("first")
        await world.until_ready("first")
        world.patch("leases", "first", {"spec": {"release": True}}).ok()
        assert await world.until_event("Ended") == (
            'Released: released by its holder; client "ci" had exporter "bench-1"'
        )


def past(lease: str, client: str, *, hours_ago: int, reason: str = "Released") -> Plain:
    """An entry of a lease that lasted an hour."""
    ended = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=hours_ago - 1)
    began = ended - timedelta(hours=1)
    return {
        "lease": lease,
        "uid": f"uid-{lease}",
        "client": client,
        "began": format_instant(began),
        "ended": format_instant(ended),
        "reason": reason,
    }


def record(world: World, exporter: str, *entries: Plain) -> None:
    world.client.patch(f"{world.path('exporters', exporter)}/status", {"status": {"history": list(entries)}}).ok()


async def test_the_active_leases_are_those_that_have_not_ended(world: World) -> None:
    world.exporter("bench-1")
    async with bench(world) as exporter:
        world.lease("first")
        await world.until_ready("first")
        world.lease("second")
        await world.until_reason("second", "NotAvailable")
        await exporter.lab.release_lease(Name(world.namespace, "first"))
        assert [lease.name for lease in exporter.lab.active_leases(world.namespace)] == ["second"]
        assert {lease.name for lease in exporter.lab.leases(world.namespace)} == {"first", "second"}
        assert exporter.lab.active_leases("elsewhere") == []


async def test_quotas_count_leases_that_have_not_ended(world: World) -> None:
    world.exporter("bench-1")
    rule = {"maximumLeases": 1, "from": [{"clientSelector": {"matchLabels": {"team": "kernel"}}}]}
    world.create("ExporterAccessPolicy", "one", {"exporterSelector": {}, "policies": [rule]})
    async with bench(world) as exporter:
        for name in ("first", "second", "third"):
            world.lease(name)
            await world.until_ready(name)
            await exporter.lab.release_lease(Name(world.namespace, name))
        assert [entry["lease"] for entry in await history_of(world, "bench-1", 3)] == ["first", "second", "third"]
        assert len(exporter.lab.leases(world.namespace)) == 3
