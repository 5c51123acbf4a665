"""Leases of several exporters, from `kubectl apply` to their end, on each API server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

from kubernetes.aio.client import ApiClient

from jumplab_operator.clock import SystemClock
from jumplab_operator.errors import ApiUnreachable
from jumplab_operator.kube.client import KubeApi, connected
from jumplab_operator.names import Name
from jumplab_operator.reconcile.composition.compose import lab_over, running_lab
from jumplab_operator.reconcile.composition.lab_service import LabService
from tests.reconcile.world import (
    JumpingClock,
    SimulatedExporter,
    Tokens,
    World,
    condition,
    message_of,
    reason_of,
    serving,
)

PAIR = [
    {"name": "dut", "selector": {"matchLabels": {"board": "imx8"}}},
    {"name": "peer", "selector": {"matchLabels": {"board": "rpi"}}},
]


def gang(world: World, name: str, **spec: Any) -> dict[str, Any]:
    asked = {"clientRef": {"name": "ci"}, "duration": "10m", "exporters": PAIR, **spec}
    return world.create("Lease", name, asked)


@dataclass
class Boards:
    """Exporters that serve: `dut` is an imx8, `peer` a rpi."""

    lab: LabService
    dut: SimulatedExporter
    peer: SimulatedExporter


@asynccontextmanager
async def two_boards(world: World, clock: SystemClock | None = None) -> AsyncIterator[Boards]:
    world.exporter("dut", board="imx8")
    world.exporter("peer", board="rpi")
    async with AsyncExitStack() as stack:
        lab = await stack.enter_async_context(running_lab(world.access, world.settings(), Tokens(), clock))
        made = [SimulatedExporter(lab, Name(world.namespace, name)) for name in ("dut", "peer")]
        for exporter in made:
            await stack.enter_async_context(serving(exporter))
        yield Boards(lab, *made)


def claim_of(world: World, exporter: str) -> str | None:
    claim: dict[str, str] = world.get("exporters", exporter)["status"].get("leaseRef", {})
    return claim.get("name")


async def test_a_gang_gets_all_its_exporters_at_one_time_and_its_release_frees_them(world: World) -> None:
    async with two_boards(world) as boards:
        gang(world, "both")
        ready = await world.until_ready("both")
        assert ready["status"]["exporterRef"] == {"name": "dut"}
        assert ready["status"]["exporters"] == [
            {"name": "dut", "exporterRef": {"name": "dut"}},
            {"name": "peer", "exporterRef": {"name": "peer"}},
        ]
        assert message_of(ready) == 'exporters "dut" and "peer" are ready'
        assert (claim_of(world, "dut"), claim_of(world, "peer")) == ("both", "both")
        world.patch("leases", "both", {"spec": {"release": True}}).ok()
        for name in ("dut", "peer"):
            await world.until_unclaimed(name)
        assert (boards.dut.seen[-1], boards.peer.seen[-1]) == (None, None)


async def test_a_gang_claims_nothing_until_it_can_have_everything(world: World) -> None:
    async with two_boards(world):
        world.lease("first", selector={"matchLabels": {"board": "rpi"}})
        await world.until_ready("first")
        gang(world, "both")
        waiting = await world.until_reason("both", "NotAvailable")
        assert '"peer": the one exporter that matches board=rpi is leased' in message_of(waiting)
        assert claim_of(world, "dut") is None
        world.lease("long", duration="8h")
        told = await world.until_reason("long", "NotAvailable")
        assert "reserved for a gang" in message_of(told)
        world.delete("leases", "first")
        await world.until_ready("both")


async def test_a_member_that_does_not_confirm_lets_the_whole_gang_be_placed_again(world: World) -> None:
    world.exporter("spare", board="rpi")
    clock = JumpingClock()
    async with two_boards(world, clock) as boards:
        boards.peer.confirms = False
        gang(world, "both")
        await world.until("leases", "both", lambda it: it.get("status", {}).get("exporters", [{}])[-1] == _peer("peer"))
        await world.until("exporters", "dut", lambda it: it["status"]["exporterStatus"] == "LeaseReady")
        clock.jump(world.settings().confirm_within)
        async with serving(SimulatedExporter(boards.lab, Name(world.namespace, "spare"))):
            ready = await world.until_ready("both")
        assert ready["status"]["exporters"][1] == _peer("spare")
        assert ready["status"]["exporters"][0]["exporterRef"] == {"name": "dut"}


def _peer(exporter: str) -> dict[str, Any]:
    return {"name": "peer", "exporterRef": {"name": exporter}}


async def test_a_member_that_goes_before_the_gang_is_ready_frees_the_others(world: World) -> None:
    world.exporter("dut", board="imx8")
    world.exporter("peer", board="rpi")
    async with running_lab(world.access, world.settings(), Tokens()) as lab:
        dut, peer = (SimulatedExporter(lab, Name(world.namespace, name)) for name in ("dut", "peer"))
        peer.confirms = False
        async with serving(dut):
            async with serving(peer):
                gang(world, "both")
                await peer.told.wait()
                await dut.told.wait()
            await world.until("leases", "both", lambda it: "exporterRef" not in it.get("status", {}))
            await world.until_unclaimed("dut")
            world.lease("alone")
            await world.until_ready("alone")


async def test_a_deleted_exporter_ends_the_gang_by_its_name_and_frees_the_others(world: World) -> None:
    async with two_boards(world):
        gang(world, "both")
        await world.until_ready("both")
        world.delete("exporters", "peer")
        ended = await world.until_reason("both", "ExporterDeleted")
        assert 'exporter "peer" was deleted' in message_of(ended)
        await world.until_unclaimed("dut")


async def test_a_member_that_gives_up_ends_the_gang_by_its_name(world: World) -> None:
    async with two_boards(world) as boards:
        ready_uid = gang(world, "both")["metadata"]["uid"]
        await world.until_ready("both")
        await boards.peer.report("AfterLeaseHook", ready_uid, release=True, message="its hook failed")
        ended = await world.until_reason("both", "ExporterFailed")
        assert message_of(ended) == 'exporter "peer" ended the lease: its hook failed'
        await world.until_unclaimed("dut")


async def test_a_member_that_is_offline_is_told_by_its_name(world: World) -> None:
    world.exporter("dut", board="imx8")
    world.exporter("peer", board="rpi")
    async with running_lab(world.access, world.settings(), Tokens()) as lab:
        async with serving(SimulatedExporter(lab, Name(world.namespace, "dut"))) as dut:
            async with serving(SimulatedExporter(lab, Name(world.namespace, "peer"))) as peer:
                gang(world, "both")
                uid = (await world.until_ready("both"))["metadata"]["uid"]
                for exporter in (dut, peer):
                    await exporter.attend(uid, attached=True, times=1)
            told = await world.until("leases", "both", lambda it: condition(it, "ExporterOnline") == "False")
        assert 'exporter "peer" has lost its connection' in message_of(told, "ExporterOnline")
        assert condition(told, "Ready") == "True"


class ThroughApi(KubeApi):
    """An API in front of another: `before` is told of each claim of an exporter. Where it raises, the operator dies:
    nothing is written any more."""

    def __init__(self, inner: KubeApi, before: Callable[[str], None]) -> None:
        super().__init__(ApiClient(), "")
        self._inner, self._before, self._dead = inner, before, False

    async def request(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, content_type: str = "application/json"
    ) -> dict[str, Any]:
        if method != "GET" and self._dead:
            raise ApiUnreachable("the operator is dead")
        if method == "PATCH" and (body or {}).get("status", {}).get("leaseRef"):
            try:
                self._before(path)
            except ApiUnreachable:
                self._dead = True
                raise
        return await self._inner.request(method, path, body, content_type)


@asynccontextmanager
async def two_boards_through(world: World, before: Callable[[str], None]) -> AsyncIterator[None]:
    async with connected(world.access) as kube, AsyncExitStack() as stack:
        api = ThroughApi(kube, before)
        running = lab_over(api, world.watch, world.settings(), Tokens(), SystemClock())
        lab = await stack.enter_async_context(running)
        for name in ("dut", "peer"):
            await stack.enter_async_context(serving(SimulatedExporter(lab, Name(world.namespace, name))))
            await world.until("exporters", name, lambda it: it.get("status", {}).get("exporterStatus") == "Available")
        yield


async def test_a_gang_whose_second_claim_is_refused_lets_go_of_the_first(world: World) -> None:
    """Somebody else changes the exporter between the plan and its claim: the API says 409."""
    world.exporter("dut", board="imx8")
    world.exporter("peer", board="rpi")
    claimed: list[str] = []

    def disable_peer(path: str) -> None:
        claimed.append(path.split("/")[-2])
        if len(claimed) == 2:
            world.patch("exporters", claimed[1], {"spec": {"enabled": False}}).ok()

    async with two_boards_through(world, disable_peer):
        gang(world, "both")
        await world.until_reason("both", "AllDisabled")
        assert len(claimed) == 2
        await world.until_unclaimed(claimed[0])


async def test_claims_left_by_a_crash_between_two_of_them_are_finished_by_the_next_operator(world: World) -> None:
    world.exporter("dut", board="imx8")
    world.exporter("peer", board="rpi")
    claimed: list[str] = []

    def die(path: str) -> None:
        claimed.append(path.split("/")[-2])
        if len(claimed) > 1:
            raise ApiUnreachable("the operator is dead")

    async with two_boards_through(world, die):
        gang(world, "both")
        await world.until("exporters", "dut", lambda it: "leaseRef" in it.get("status", {}))
    assert (claim_of(world, "dut"), claim_of(world, "peer")) == ("both", None)
    async with two_boards_through(world, lambda _: None):
        ready = await world.until_ready("both")
    assert len(ready["status"]["exporters"]) == 2


async def test_a_claim_left_by_a_crash_is_cleared_where_the_gang_can_not_be_served_any_more(world: World) -> None:
    world.exporter("dut", board="imx8")
    world.exporter("peer", board="rpi")
    claimed: list[str] = []

    def die(path: str) -> None:
        claimed.append(path)
        if len(claimed) > 1:
            raise ApiUnreachable("the operator is dead")

    async with two_boards_through(world, die):
        gang(world, "both")
        await world.until("exporters", "dut", lambda it: "leaseRef" in it.get("status", {}))
    world.patch("exporters", "peer", {"spec": {"enabled": False}}).ok()
    async with two_boards_through(world, lambda _: None):
        await world.until_unclaimed("dut")
        world.lease("alone")
        await world.until_ready("alone")


async def test_an_invalid_gang_says_what_is_wrong(world: World) -> None:
    async with running_lab(world.access, world.settings(), Tokens()):
        pinned = [{"name": name, "exporterRef": {"name": "bench-1"}} for name in ("one", "two")]
        for name, exporters, sentence in (
            ("none", [], "exporters is empty"),
            ("twice", pinned, 'two members name exporter "bench-1"'),
            ("namesakes", [PAIR[0], PAIR[0]], 'two members have the name "dut"'),
        ):
            gang(world, name, exporters=exporters)
            told = await world.until_reason(name, "InvalidExporters")
            assert sentence in message_of(told)
            assert reason_of(told, "Invalid") == "InvalidExporters"
