"""What it costs the Kubernetes API that exporters connect, and that many do at once."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest

from jumplab_operator.controller.lab import StatusReport
from jumplab_operator.errors import ApiRefused
from jumplab_operator.kube.client import KubeApi
from jumplab_operator.kube.concurrency_limit import ConcurrencyLimit
from jumplab_operator.names import Name
from jumplab_operator.reconcile.composition.lab_service import LabService
from tests.reconcile.faults.api import NAMESPACE, Plain
from tests.reconcile.faults.world import FaultyWorld, conditions

DEVICES = [{"uuid": "u", "labels": {"jumpstarter.dev/client": "jumplab.drivers.power.PowerClient"}}]
AVAILABLE = StatusReport("Available", "", "", "1", False)


@pytest.fixture
def world() -> Iterator[FaultyWorld]:
    made = FaultyWorld()
    yield made
    made.close()


def started(world: FaultyWorld, *exporters: str) -> LabService:
    for name in exporters:
        world.exporter(name, "imx8")
    world.start_operator()
    world.calm()
    assert world.lab is not None
    world.store.diary.clear()
    return world.lab


def ready(world: FaultyWorld, lease: str) -> bool:
    return bool(conditions(world.store.existing("leases", lease))["Ready"]["status"] == "True")


async def _ask_once_all_is_due(world: FaultyWorld) -> None:
    """Asks for a lease when what exporters have said a second ago is being written."""
    await asyncio.sleep(1)
    for _ in range(10):
        await asyncio.sleep(0)
    assert world.store.diary, "it is being written"
    pinned = {"clientRef": {"name": "ci"}, "exporterRef": {"name": "board"}, "duration": "10m"}
    world.lease("urgent", pinned)
    world.deliver("leases", 1)


@contextmanager
def connected(world: FaultyWorld, lab: LabService, name: str) -> Iterator[asyncio.Task[None]]:
    """An exporter connects as a real one does, and stays."""
    task = world.loop.create_task(_connect(lab, Name(NAMESPACE, name)), name=f"exporter {name}")
    try:
        yield task
    finally:
        task.cancel()
        world.loop.settle()


async def _connect(lab: LabService, name: Name) -> None:
    exporter = lab.exporter(name)
    assert exporter is not None
    await lab.register(name, {}, DEVICES)
    async with lab.presence(name, exporter.uid) as assignments:
        assert await anext(assignments) is None
        await lab.report(name, AVAILABLE)
        await asyncio.Event().wait()  # until it is cancelled


def shown(world: FaultyWorld, name: str) -> Plain:
    status: Plain = world.store.existing("exporters", name)["status"]
    return status


def test_connecting_is_one_write(world: FaultyWorld) -> None:
    lab = started(world, "e1")
    with connected(world, lab, "e1"):
        world.loop.advance(timedelta(seconds=5))
        status, told = shown(world, "e1"), conditions(world.store.existing("exporters", "e1"))
        assert (status["exporterStatus"], status["devices"]) == ("Available", DEVICES)
        assert (told["Online"]["status"], told["Registered"]["status"]) == ("True", "True")
        assert len(world.store.diary) == 1, world.store.diary


def test_coming_back_is_no_write(world: FaultyWorld) -> None:
    lab = started(world, "e1")
    for _ in range(2):
        with connected(world, lab, "e1"):
            world.loop.advance(timedelta(seconds=2))
    assert len(world.store.diary) == 1, world.store.diary


def test_an_exporter_that_only_registers_is_shown_with_its_devices(world: FaultyWorld) -> None:
    lab = started(world, "e1")
    registering = world.loop.create_task(lab.register(Name(NAMESPACE, "e1"), {}, DEVICES))
    world.loop.advance(timedelta(seconds=2))
    assert registering.done()
    assert shown(world, "e1")["devices"] == DEVICES


def test_devices_that_the_api_refuses_keep_nothing_else_from_being_written(
    world: FaultyWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab, merge = started(world, "e1"), world.store.merge

    def refusing(plural: str, name: str, patch: Mapping[str, Any], sub: str = "") -> Plain:
        if "devices" in patch.get("status", {}):
            raise ApiRefused(413, "the object is too large")
        return merge(plural, name, patch, sub)

    monkeypatch.setattr(world.store, "merge", refusing)
    with connected(world, lab, "e1") as exporter:
        world.loop.advance(timedelta(seconds=5))
        assert shown(world, "e1")["exporterStatus"] == "Available"
        assert conditions(world.store.existing("exporters", "e1"))["Registered"]["status"] == "False"
        with pytest.raises(ApiRefused, match="too large"):
            exporter.result()


def test_a_lease_comes_before_what_a_crowd_of_exporters_tells_of_itself(world: FaultyWorld) -> None:
    crowd = [f"e{number}" for number in range(200)]
    lab = started(world, "board", *crowd)
    world.client("ci")
    world.connect(world.board("board"))
    world.calm()
    for name in crowd:
        connecting = world.loop.create_task(lab.register(Name(NAMESPACE, name), {}, DEVICES))
        world.loop.settle()
        assert connecting.done()
    world.store.diary.clear()
    asking = world.loop.create_task(_ask_once_all_is_due(world))
    world.loop.settle()
    world.loop.advance(timedelta(seconds=2))
    asking.result()
    assert ready(world, "urgent")
    assert len(world.store.diary) > len(crowd)
    last = max(number for number, line in enumerate(world.store.diary) if "/leases/urgent" in line)
    assert last < len(crowd) / 2, world.store.diary[: last + 1]


async def test_the_api_is_asked_a_few_things_at_a_time_and_in_order() -> None:
    class Slow(KubeApi):
        def __init__(self) -> None:
            self.order: list[str] = []
            self.at_once = self.most = 0

        async def request(
            self, method: str, path: str, body: Mapping[str, Any] | None = None, content_type: str = ""
        ) -> Plain:
            self.order.append(path)
            self.at_once += 1
            self.most = max(self.most, self.at_once)
            for _ in range(3):
                await asyncio.sleep(0)
            self.at_once -= 1
            return {}

    slow = Slow()
    paced, paths = ConcurrencyLimit(slow), [f"/{number}" for number in range(200)]
    async with asyncio.TaskGroup() as tasks:
        for path in paths:
            tasks.create_task(paced.get(path))
    assert slow.order == paths
    assert 1 < slow.most <= 16
