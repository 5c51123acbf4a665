"""What becomes of leases that have ended."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from jumplab_operator.reconcile.composition.compose import running_lab
from jumplab_operator.reconcile.context.ended_leases import EndedLeases
from jumplab_operator.reconcile.context.settings import LabSettings
from jumplab_operator.resources import Lease
from jumplab_operator.resources.metadata import format_instant
from tests.reconcile.world import WAIT_SECONDS, Tokens, World, bench, condition


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


def over(world: World, name: str, client: str, minutes_ago: int, **spec: int) -> None:
    """A lease that has ended."""
    world.lease(name, clientRef={"name": client}, **spec)
    ended = format_instant(datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=minutes_ago))
    ready = {"type": "Ready", "status": "False", "reason": "Released", "message": "released by its holder"}
    status = {"ended": True, "endTime": ended, "conditions": [ready], "observedGeneration": 1}
    world.client.patch(f"{world.path('leases', name)}/status", {"status": status}).ok()


def names_of(world: World) -> set[str]:
    return {item["metadata"]["name"] for item in world.client.get(world.path("leases")).ok()["items"]}


async def test_of_the_ended_leases_of_a_client_and_of_a_namespace_the_newest_stay(world: World) -> None:
    over(world, "ci-oldest", "ci", 50, ttlSecondsAfterEnded=86400)
    over(world, "ci-newest", "ci", 1)
    over(world, "ci-middle", "ci", 30)
    over(world, "ann-older", "ann", 40)
    over(world, "ann-newer", "ann", 20)
    async with running_lab(world.access, world.settings(ended_of_client=2, ended_of_namespace=3), Tokens()):
        await gone(world, "ci-oldest")
        await gone(world, "ann-older")
        assert names_of(world) == {"ci-newest", "ci-middle", "ann-newer"}


async def test_a_lease_that_ends_pushes_the_oldest_out_but_never_one_that_has_not_ended(world: World) -> None:
    world.exporter("bench-1")
    over(world, "old", "ci", 50)
    over(world, "newer", "ci", 20)
    async with bench(world, ended_of_client=2):
        world.lease("first")
        await world.until_ready("first")
        world.lease("waits")
        assert names_of(world) == {"old", "newer", "first", "waits"}
        world.patch("leases", "first", {"spec": {"release": True}}).ok()
        await gone(world, "old")
        await world.until_ready("waits")
        assert names_of(world) == {"newer", "first", "waits"}


def test_two_hundred_of_a_client_and_five_thousand_of_a_namespace_stay() -> None:
    settings = LabSettings(endpoint="lab:7444")
    assert (settings.ended_of_client, settings.ended_of_namespace) == (200, 5000)


def ended_leases(ends: list[tuple[str, int]]) -> Iterator[Lease]:
    for number, (client, minutes) in enumerate(ends):
        ended = datetime(2030, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
        yield Lease.from_plain(
            {
                "metadata": {"name": f"l{number}", "namespace": "lab", "uid": f"{number:03}"},
                "spec": {"clientRef": {"name": client}},
                "status": {"ended": True, "endTime": format_instant(ended)},
            }
        )


@given(st.lists(st.tuples(st.sampled_from(["ci", "ann", "bob"]), st.integers(0, 9)), max_size=30), st.data())
def test_what_is_too_much_is_the_oldest_and_is_told_when_it_becomes_so(
    ends: list[tuple[str, int]], data: st.DataObject
) -> None:
    """Whatever comes and goes, what is deleted as it is told to be leaves the newest."""
    known = EndedLeases(3, 5)
    present: dict[str, Lease] = {}
    for lease in ended_leases(ends):
        if present and data.draw(st.booleans()):
            victim = data.draw(st.sampled_from(sorted(present)))
            known.note(present.pop(victim), None)
        present[lease.uid] = lease
        told = known.note(None, lease)
        assert len(told) <= 4
        for uid in sorted(told):
            if uid in present and known.is_surplus(present[uid]):
                known.note(present.pop(uid), None)
        for each in present.values():
            assert not known.is_surplus(each)
        assert len(present) <= 5
        assert all(sum(client_of(it) == name for it in present.values()) <= 3 for name in ("ci", "ann", "bob"))


def client_of(lease: Lease) -> str:
    return lease.spec.client_ref.name
