"""An operator that dies at a bad moment, and a world that goes on while it is away."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from kubernetes.aio.client import ApiClient

from jumplab_operator.clock import SystemClock
from jumplab_operator.errors import ApiUnreachable
from jumplab_operator.kube.client import KubeApi, connected
from jumplab_operator.names import Name
from jumplab_operator.reconcile.composition.compose import lab_over, running_lab
from tests.counterparts import need
from tests.kube.servers import RealKubeApi, StandaloneApi
from tests.reconcile.world import (
    Plain,
    SimulatedExporter,
    Tokens,
    World,
    bench,
    condition,
    make_world,
    reason_of,
    serving,
)

Crashes = Callable[[str, Mapping[str, Any]], bool]


class DyingApi(KubeApi):
    """Writes go through until `crashes` says so of one; from then on none does, as after the operator's death."""

    def __init__(self, inner: KubeApi, crashes: Crashes) -> None:
        super().__init__(ApiClient(), "")
        self._inner = inner
        self._crashes = crashes
        self.dead = False
        self.writes: list[str] = []

    async def request(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, content_type: str = "application/json"
    ) -> Plain:
        if method != "GET":
            self.dead = self.dead or self._crashes(path, body or {})
            if self.dead:
                raise ApiUnreachable("the operator is dead")
            self.writes.append(f"{method} {path} {body}")
        return await self._inner.request(method, path, body, content_type)


@asynccontextmanager
async def dying_bench(world: World, name: str, crashes: Crashes) -> AsyncIterator[DyingApi]:
    """An exporter that serves, and an operator that dies."""
    async with connected(world.access) as kube:
        api = DyingApi(kube, crashes)
        async with (
            lab_over(api, world.watch, world.settings(), Tokens(), SystemClock()) as lab,
            serving(SimulatedExporter(lab, Name(world.namespace, name))),
        ):
            yield api


def lease_is_assigned(path: str, body: Mapping[str, Any]) -> bool:
    return path.endswith("/leases/first/status") and "exporterRef" in body.get("status", {})


async def _claimed_by_a_dead_operator(world: World) -> None:
    async with dying_bench(world, "bench-2", lease_is_assigned):
        await world.until("exporters", "bench-2", lambda it: it.get("status", {}).get("exporterStatus") == "Available")
        world.lease("first")
        await world.until("exporters", "bench-2", lambda it: "leaseRef" in it["status"])
    assert "exporterRef" not in world.get("leases", "first").get("status", {})


async def test_a_claim_left_by_a_crash_is_finished(world: World) -> None:
    world.exporter("bench-1")
    world.exporter("bench-2")
    await _claimed_by_a_dead_operator(world)
    async with (
        running_lab(world.access, world.settings(), Tokens()) as lab,
        serving(SimulatedExporter(lab, Name(world.namespace, "bench-2"), epoch="2")),
        serving(SimulatedExporter(lab, Name(world.namespace, "bench-1"), epoch="2")),
    ):
        ready = await world.until_ready("first")
        claims = [world.get("exporters", name)["status"].get("leaseRef") for name in ("bench-1", "bench-2")]
        uid = ready["metadata"]["uid"]
        assert [(claim["name"], claim["uid"]) for claim in claims if claim] == [("first", uid)]


async def test_a_claim_left_by_a_crash_is_cleared_when_its_lease_is_gone(world: World) -> None:
    world.exporter("bench-2")
    await _claimed_by_a_dead_operator(world)
    world.delete("leases", "first")
    async with bench(world, "bench-2") as exporter:
        exporter.epoch = "2"
        await world.until_unclaimed("bench-2")
        world.lease("second")
        await world.until_ready("second")


async def test_a_claim_whose_lease_has_another_uid_now_is_cleared_first(world: World) -> None:
    world.exporter("bench-2")
    await _claimed_by_a_dead_operator(world)
    world.delete("leases", "first")
    namesake = world.lease("first")
    async with bench(world, "bench-2"):
        await world.until_ready("first")
        assert world.get("exporters", "bench-2")["status"]["leaseRef"]["uid"] == namesake["metadata"]["uid"]


async def _leased_before_the_operator_stopped(world: World, **spec: Any) -> Plain:
    """A lease that is ready, of an operator and an exporter that have stopped since."""
    world.exporter("bench-1")
    async with bench(world):
        world.lease("first", **spec)
        return await world.until_ready("first")


async def test_a_running_lease_survives_the_operator(world: World) -> None:
    before = await _leased_before_the_operator_stopped(world)
    async with bench(world) as exporter:
        await exporter.told.wait()
        after = world.get("leases", "first")
        assert after["status"]["beginTime"] == before["status"]["beginTime"]
        assert condition(after, "Ready") == "True"


async def test_an_exporter_deleted_while_the_operator_was_away_ends_its_lease(world: World) -> None:
    await _leased_before_the_operator_stopped(world)
    world.delete("exporters", "bench-1")
    async with running_lab(world.access, world.settings(), Tokens()):
        await world.until_reason("first", "ExporterDeleted")


async def test_an_exporter_deleted_and_made_anew_ends_its_lease(world: World) -> None:
    await _leased_before_the_operator_stopped(world)
    world.delete("exporters", "bench-1")
    world.exporter("bench-1")
    async with bench(world):
        await world.until_reason("first", "ExporterDeleted")
        world.lease("second")
        await world.until_ready("second")


async def test_an_exporter_deleted_under_a_lease_ends_it(world: World) -> None:
    world.exporter("bench-1")
    async with bench(world):
        world.lease("first")
        await world.until_ready("first")
        world.delete("exporters", "bench-1")
        await world.until_reason("first", "ExporterDeleted")


async def test_a_lease_deleted_while_the_operator_was_away_frees_its_exporter(world: World) -> None:
    await _leased_before_the_operator_stopped(world)
    world.delete("leases", "first")
    async with bench(world) as exporter:
        exporter.epoch = "2"
        await world.until_unclaimed("bench-1")


async def test_a_lease_whose_time_was_over_while_the_operator_was_away_ends(world: World) -> None:
    await _leased_before_the_operator_stopped(world, duration="1s")
    async with bench(world):
        await world.until_reason("first", "Expired")
        await world.until_unclaimed("bench-1")


async def test_from_creation_to_ready_few_writes_and_then_none(world: World) -> None:
    world.exporter("bench-1")
    async with dying_bench(world, "bench-1", lambda path, body: False) as api:
        await world.until("clients", "ci", lambda it: it.get("status", {}).get("credential"))
        await world.until("exporters", "bench-1", lambda it: it.get("status", {}).get("exporterStatus") == "Available")
        api.writes.clear()
        world.lease("first")
        await world.until_ready("first")
        await world.until("exporters", "bench-1", lambda it: it["status"]["exporterStatus"] == "LeaseReady")
        ours = [write for write in api.writes if "/events" not in write]
        assert len(ours) <= 4, "\n".join(ours)

        api.writes.clear()
        await _everything_is_looked_at(world)
        ours = [write for write in api.writes if "marker" not in write and "/events" not in write]
        assert ours == []


async def _everything_is_looked_at(world: World) -> None:
    """Objects are looked at in turn: what comes last is done last."""
    world.create("Client", "marker", {})
    await world.until("clients", "marker", lambda it: it.get("status", {}).get("credential"))


@pytest.fixture(params=["standalone", "real"])
def own_world(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    """A world on an API server of its own, which may be killed."""
    if request.param == "real":
        need("kube-apiserver")
    with RealKubeApi(tmp_path) if request.param == "real" else StandaloneApi(tmp_path) as api:
        world = make_world(api)
        yield world
        world.client.close()


async def test_an_api_server_that_is_away_for_a_while_is_waited_for(own_world: World) -> None:
    world = own_world
    world.exporter("bench-1")
    async with bench(world):
        world.lease("first")
        await world.until_ready("first")
        world.api.kill()
        world.client.close()
        world.api.start()
        assert condition(world.get("leases", "first"), "Ready") == "True"
        world.delete("leases", "first")
        await world.until_unclaimed("bench-1")
        world.lease("second")
        await world.until_ready("second")


async def test_an_exporter_deleted_in_a_gap_of_the_watch_ends_its_lease(own_world: World) -> None:
    """The operator's watches are cut; what was deleted before they are back is told by no event."""
    world = own_world
    world.exporter("bench-1")
    world.exporter("bench-2")
    async with bench(world):
        world.lease("first", exporterRef={"name": "bench-1"})
        await world.until_ready("first")
        world.api.kill()
        world.client.close()
        world.api.start()
        world.delete("exporters", "bench-1")
        ended = await world.until("leases", "first", lambda it: it["status"].get("ended"))
        assert reason_of(ended) == "ExporterDeleted"
