"""Changing a lease that runs, through the API: its end and its holder."""

from __future__ import annotations

from typing import Any

from jumplab_operator.controller.lab import HolderChange
from jumplab_operator.errors import ApiError
from jumplab_operator.names import Name
from jumplab_operator.reconcile.composition.lab_service import LabService
from tests.reconcile.test_gangs import gang
from tests.reconcile.world import Plain, SimulatedExporter, World, bench, condition, message_of, serving


def holder(lease: Plain) -> str:
    name: str = lease["status"]["accepted"]["clientRef"]["name"]
    return name


def with_policy(world: World, *rules: dict[str, Any]) -> None:
    world.create("ExporterAccessPolicy", "rules", {"policies": list(rules)})


def team(name: str, **fields: Any) -> dict[str, Any]:
    return {"from": [{"clientSelector": {"matchLabels": {"team": name}}}], **fields}


def hand_over(world: World, lease: str, client: str) -> None:
    world.patch("leases", lease, {"spec": {"clientRef": {"name": client}}}).ok()


async def refused(lab: LabService, name: Name, spec: Plain) -> str:
    try:
        await lab.edit_lease(name, spec)
    except ApiError as refusal:
        return str(refusal)
    raise AssertionError(f"{spec} was taken over")


async def test_a_lease_goes_to_another_client_with_that_ones_priority(world: World) -> None:
    world.exporter("bench-1")
    world.create("Client", "ann", {}, {"team": "apps"})
    with_policy(world, team("kernel", priority=9), team("apps", priority=2, spotAccess=True))
    async with bench(world) as exporter:
        world.lease("first")
        before = (await world.until_ready("first"))["status"]
        assert before["priority"] == 9
        with exporter.lab._cluster.holdings.listening() as holdings:
            hand_over(world, "first", "ann")
            lease = await world.until("leases", "first", lambda it: holder(it) == "ann")
            assert await holdings.get() == HolderChange(lease["metadata"]["uid"], "ann")
        after = lease["status"]
        assert [each["client"] for each in after["earlierHolders"]] == ["ci"]
        assert (after["priority"], after["spotAccess"]) == (2, True)
        assert (condition(lease, "Ready"), after["expectedEndTime"]) == ("True", before["expectedEndTime"])
        hand_over(world, "first", "ci")  # and back
        await world.until("leases", "first", lambda it: holder(it) == "ci" and it["status"]["priority"] == 9)


async def test_a_holder_who_may_not_have_it_does_not_get_it(world: World) -> None:
    world.exporter("bench-1")
    world.create("Client", "ann", {}, {"team": "apps"})
    world.create("Client", "bob", {}, {"team": "sales"})
    world.create("Client", "eve", {}, {"team": "docs"})
    with_policy(world, team("kernel"), team("apps", maximumDuration="5m"), team("docs", acceptTransfers=[]))
    async with bench(world):
        world.lease("first")
        ready = await world.until_ready("first")
        for heir, sentence in (
            ("ann", 'permit client "ann" at most 5m'),
            ("bob", 'no access policy permits client "bob" to lease exporter "bench-1"'),
            ("nobody", 'client "nobody" does not exist'),
            ("eve", 'the access policies of client "eve" do not accept a transfer by client "ci"'),
        ):
            hand_over(world, "first", heir)
            told = await world.until("leases", "first", lambda it, said=sentence: said in message_of(it, "Invalid"))
            assert "the accepted spec stays in force" in message_of(told, "Invalid")
            assert condition(told, "Ready") == "True"
            assert told["status"]["accepted"] == ready["status"]["accepted"]


async def test_a_quota_holds_for_the_new_holder(world: World) -> None:
    for name in ("bench-1", "bench-2"):
        world.exporter(name)
    world.create("Client", "ann", {}, {"team": "apps"})
    with_policy(world, team("kernel"), team("apps", maximumLeases=1))
    async with (
        bench(world) as one,
        serving(SimulatedExporter(one.lab, Name(world.namespace, "bench-2"))),
    ):
        world.lease("hers", clientRef={"name": "ann"}, exporterRef={"name": "bench-1"})
        await world.until_ready("hers")
        world.lease("first")
        await world.until_ready("first")
        name = Name(world.namespace, "first")
        assert "1 lease of this kind at once, and it holds 1" in await refused(
            one.lab, name, {"clientRef": {"name": "ann"}}
        )
        hand_over(world, "hers", "ci")
        await world.until("leases", "hers", lambda it: holder(it) == "ci")
        await one.lab.edit_lease(name, {"clientRef": {"name": "ann"}})
        assert holder(world.get("leases", "first")) == "ann"


async def test_a_gang_goes_to_another_client_whole_and_counts_as_all_of_its_exporters(world: World) -> None:
    for name in ("bench-1", "bench-2"):
        world.exporter(name)
    world.create("Client", "ann", {}, {"team": "apps"})
    world.create("Client", "bob", {}, {"team": "sales"})
    with_policy(world, team("kernel"), team("apps", maximumExporters=1), team("sales", maximumExporters=2, priority=3))
    async with (
        bench(world) as one,
        serving(SimulatedExporter(one.lab, Name(world.namespace, "bench-2"))),
    ):
        gang(
            world, "both", exporters=[{"name": name, "exporterRef": {"name": name}} for name in ("bench-1", "bench-2")]
        )
        before = await world.until_ready("both")
        name = Name(world.namespace, "both")
        assert '"ann" 1 exporter of this kind at once' in await refused(one.lab, name, {"clientRef": {"name": "ann"}})
        await one.lab.edit_lease(name, {"clientRef": {"name": "bob"}})
        after = world.get("leases", "both")
        assert (holder(after), after["status"]["priority"]) == ("bob", 3)
        assert after["status"]["exporters"] == before["status"]["exporters"]
        assert condition(after, "Ready") == "True"


async def test_an_edit_by_rpc_is_in_force_when_it_is_answered_or_changes_nothing(world: World) -> None:
    world.exporter("bench-1")
    with_policy(world, team("kernel", maximumDuration="1h"))
    async with bench(world) as exporter:
        world.lease("first")
        await world.until_ready("first")
        name = Name(world.namespace, "first")
        before = world.get("leases", "first")
        assert "at most 1h" in await refused(exporter.lab, name, {"duration": "2h"})
        assert world.get("leases", "first") == before
        lease = await exporter.lab.edit_lease(name, {"duration": "30m"})
        assert lease.status.accepted is not None
        assert lease.status.accepted.duration == lease.spec.duration
        lease = await exporter.lab.edit_lease(name, {"duration": "1s"})  # below what has passed, or nearly
        ended = await world.until_reason("first", "Expired")
        assert ended["status"]["ended"]
        async for seen in exporter.lab.watch_lease(name):  # the API may have told this test first
            if seen.status.ended:
                break
        assert "has ended" in await refused(exporter.lab, name, {"duration": "30m"})
