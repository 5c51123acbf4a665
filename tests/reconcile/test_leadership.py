"""Who leads of several operators, on a real kube-apiserver; their clocks are the test's."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from jumplab_operator.clock import SystemClock
from jumplab_operator.errors import ApiRefused, ApiUnreachable
from jumplab_operator.kube.client import CUSTOM, KubeApi, connected
from jumplab_operator.leadership import record
from jumplab_operator.leadership.candidate import GOOD_FOR, Candidate
from jumplab_operator.leadership.election import PodIdentity, Process, leading
from jumplab_operator.leadership.fence import Fenced
from jumplab_operator.leadership.pod import LEADS
from jumplab_operator.reconcile.composition.compose import lab_over
from tests.kube.servers import RealKubeApi
from tests.reconcile.world import WAIT_SECONDS, Tokens, World, condition, make_world

Meanwhile = Callable[[], Awaitable[None]]


class Seconds(SystemClock):
    """Time that passes only while a candidate sleeps; `meanwhile` runs then."""

    def __init__(self, meanwhile: Meanwhile | None = None) -> None:
        self.elapsed = 0.0
        self._meanwhile = meanwhile

    def now(self) -> datetime:
        return datetime(2026, 1, 2, tzinfo=UTC) + timedelta(seconds=self.elapsed)

    async def sleep(self, length: timedelta) -> None:
        self.elapsed += length.total_seconds()
        assert self.elapsed < 200
        if self._meanwhile is not None:
            await self._meanwhile()


class Cut(KubeApi):
    """The API as an operator sees it whose network fails."""

    def __init__(self, inner: KubeApi) -> None:
        self._inner = inner
        self.away = False

    async def request(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, content_type: str = "application/json"
    ) -> dict[str, Any]:
        if self.away:
            raise ApiUnreachable("the network fails")
        return await self._inner.request(method, path, body, content_type)


@pytest.fixture
def world(real_kube_api: RealKubeApi) -> World:
    return make_world(real_kube_api)


@pytest.fixture
async def kube(world: World) -> AsyncIterator[KubeApi]:
    async with connected(world.access) as kube:
        yield kube


def candidate(world: World, kube: KubeApi, name: str, clock: Seconds | None = None) -> Candidate:
    clock = clock or Seconds()
    return Candidate(kube, world.namespace, name, clock, lambda: clock.elapsed)


def lease(world: World) -> dict[str, Any]:
    spec: dict[str, Any] = world.client.get(f"{record.LEASES}/namespaces/{world.namespace}/leases/{record.NAME}").ok()[
        "spec"
    ]
    return spec


async def test_a_dead_leaders_place_is_taken_once_its_lease_has_expired_and_not_before(
    world: World, kube: KubeApi
) -> None:
    first = candidate(world, kube, "first")
    await first.until_leading()
    looking = Seconds()
    second = candidate(world, kube, "second", looking)
    await second.until_leading()
    assert looking.elapsed == record.DURATION.total_seconds()
    assert lease(world) | {"acquireTime": "", "renewTime": ""} == {
        "holderIdentity": "second",
        "leaseDurationSeconds": 7,
        "leaseTransitions": 1,
        "acquireTime": "",
        "renewTime": "",
    }
    assert second.leads()
    assert second.predecessor == "first"


async def test_a_leader_that_renews_stays(world: World, kube: KubeApi) -> None:
    renewals = 0

    async def renew() -> None:
        nonlocal renewals
        renewals += 1
        if renewals <= 40:
            with pytest.raises(ApiRefused, match="enough"):
                await first.until_lost()

    async def one_renewal() -> None:
        if first_clock.elapsed % 4 == 0:
            raise ApiRefused(400, "enough")

    first_clock = Seconds(one_renewal)
    first = candidate(world, kube, "first", first_clock)
    await first.until_leading()
    looking = Seconds(renew)
    await candidate(world, kube, "second", looking).until_leading()
    assert looking.elapsed >= 20 + record.DURATION.total_seconds()


async def test_what_is_given_up_is_free_at_once(world: World, kube: KubeApi) -> None:
    first, looking = candidate(world, kube, "first"), Seconds()
    await first.until_leading()
    await first.give_up()
    assert not first.leads()
    await candidate(world, kube, "second", looking).until_leading()
    assert looking.elapsed == 0


async def test_the_next_process_of_a_pod_leads_at_once(world: World, kube: KubeApi) -> None:
    looking = Seconds()
    await candidate(world, kube, "first").until_leading()
    await candidate(world, kube, "first", looking).until_leading()
    assert looking.elapsed == 0
    assert lease(world)["leaseTransitions"] == 0


async def test_a_leader_that_is_cut_off_writes_nothing_and_goes_on_once_it_is_back(world: World, kube: KubeApi) -> None:
    network, sure = Cut(kube), {}

    async def meanwhile() -> None:
        sure[clock.elapsed] = first.leads()
        if clock.elapsed == 10:
            with pytest.raises(ApiUnreachable, match="may not be the leader any more"):
                await Fenced(kube, first.leads).merge(world.path("clients", "ci"), {"metadata": {"labels": {"a": "b"}}})
        network.away = 2 < clock.elapsed < 12
        if clock.elapsed == 16:
            other = record.read(await kube.get(f"{record.LEASES}/namespaces/{world.namespace}/leases/{record.NAME}"))
            body = record.acquired(other, "second", clock.now())
            await kube.merge(f"{record.LEASES}/namespaces/{world.namespace}/leases/{record.NAME}", body)

    clock = Seconds(meanwhile)
    first = candidate(world, network, "first", clock)
    await first.until_leading()
    assert await first.until_lost() == "second"
    good = GOOD_FOR.total_seconds()
    assert sure == {2: True, 4: True, 6: True, 8: good > 8 - 2, 10: False, 12: False, 14: True, 16: True}
    assert not first.leads()
    with pytest.raises(ApiUnreachable):
        await Fenced(kube, first.leads).delete(world.path("clients", "ci"))
    assert await Fenced(kube, first.leads).get(world.path("clients", "ci"))


async def test_a_write_of_an_old_leader_that_arrives_late_is_refused(world: World, kube: KubeApi) -> None:
    world.exporter("bench-1")
    path = f"{CUSTOM}/namespaces/{world.namespace}/exporters/bench-1"
    seen = await kube.get(path)
    assert seen is not None
    version = {"resourceVersion": seen["metadata"]["resourceVersion"]}
    by_the_new = {"metadata": version, "status": {"leaseRef": {"name": "a", "uid": "1"}}}
    await kube.merge(f"{path}/status", by_the_new)
    with pytest.raises(ApiRefused) as refused:
        await kube.merge(f"{path}/status", {"metadata": version, "status": {"leaseRef": {"name": "b", "uid": "2"}}})
    assert refused.value.status == 409


async def test_the_service_finds_the_pod_that_leads(world: World, kube: KubeApi) -> None:
    pods = f"/api/v1/namespaces/{world.namespace}/pods"
    for name in ("first", "second"):
        pod = {"kind": "Pod", "metadata": {"name": name, "labels": {LEADS: "true"}}}
        world.client.create(pods, {**pod, "spec": {"containers": [{"name": "c", "image": "i"}]}}).ok()

    def labelled() -> list[str]:
        found = world.client.get(f"{pods}?labelSelector={LEADS}=true").ok()["items"]
        return [it["metadata"]["name"] for it in found]

    ready: list[list[str]] = []
    process = Process(on_standby=lambda: ready.append(labelled()), stop=lambda: None)
    async with leading(kube, PodIdentity(world.namespace, "first"), process) as lead:
        assert ready == [["second"]]  # what an earlier process of this pod left is gone before it is ready
        async with leading(kube, None, process):
            pass
        await lead.attract_clients()
        assert "first" in labelled()
    assert labelled() == ["second"]
    assert "holderIdentity" not in lease(world)


async def test_an_operator_that_is_not_sure_of_its_lead_logs_no_line_for_each_object(
    world: World, kube: KubeApi, caplog: pytest.LogCaptureFixture
) -> None:
    led, refused = True, asyncio.Semaphore(0)

    def leads() -> bool:
        if not led:
            refused.release()
        return led

    for number in range(3):
        world.exporter(f"bench-{number}")
    async with lab_over(Fenced(kube, leads), world.watch, world.settings(), Tokens(), SystemClock()):
        for number in range(3):
            await world.until("exporters", f"bench-{number}", lambda it: condition(it, "Online") == "False")
        led = False
        for number in range(3):
            world.lease(f"lease-{number}")
        async with asyncio.timeout(WAIT_SECONDS):
            for _ in range(6):
                await refused.acquire()
        led = True
        for number in range(3):
            await world.until("leases", f"lease-{number}", lambda it: condition(it, "Pending") == "True")
    assert not [record.getMessage() for record in caplog.records if "leader" in record.getMessage()]
