"""The columns of `kubectl get`, while the operator writes what they show."""

from __future__ import annotations

import asyncio
import subprocess
from datetime import UTC, datetime, timedelta

import pytest

from jumplab_operator.resources.metadata import format_instant
from tests.reconcile.world import World, bench, condition, message_of, reason_of

pytestmark = pytest.mark.needs("kubectl")


async def kubectl(world: World, *arguments: str) -> str:
    command = ["kubectl", "--kubeconfig", str(world.api.kubeconfig), "--namespace", world.namespace, *arguments]
    done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, timeout=240, check=True)
    return done.stdout


async def row(world: World, kind: str, name: str) -> dict[str, str]:
    """The cells of one object by their columns' titles, as far as none is empty."""
    header, cells = (line.split() for line in (await kubectl(world, "get", kind, name)).splitlines())
    return dict(zip(header, cells, strict=False))


async def test_a_lease_shows_its_state_its_holder_in_force_and_its_times(world: World) -> None:
    world.exporter("bench-1")
    world.create("Client", "ann", {})
    begin = format_instant(datetime.now(UTC).replace(microsecond=0) + timedelta(hours=3))
    async with bench(world):
        world.lease("mine")
        ready = await world.until_ready("mine")
        world.lease("waits", clientRef={"name": "ann"})
        await world.until_reason("waits", "NotAvailable")
        world.lease("later", beginTime=begin)
        await world.until_reason("later", "Scheduled")
        status = ready["status"]
        times = {"BEGIN": status["beginTime"], "END": status["expectedEndTime"]}
        rest = {"NAME": "mine", "EXPORTER": "bench-1", "CLIENT": "ci"}
        assert await row(world, "jl", "mine") == {**rest, **times, "STATE": "Ready"}
        listed = (await kubectl(world, "get", "jl", "waits", "later", "--no-headers")).splitlines()
        assert [line.split() for line in listed] == [["waits", "Waiting", "ann"], ["later", "Scheduled", "ci", begin]]

        world.patch("leases", "mine", {"spec": {"clientRef": {"name": "nobody"}, "tags": {"new": "no"}}}).ok()
        await world.until("leases", "mine", lambda it: condition(it, "Invalid") == "True")
        assert await row(world, "jl", "mine") == {**rest, **times, "STATE": "Ready,InvalidEdit"}

        world.patch("leases", "mine", {"spec": {"clientRef": {"name": "ci"}, "tags": None, "release": True}}).ok()
        ended = (await world.until_reason("mine", "Released"))["status"]
        assert ended["endTime"] != ended["expectedEndTime"]
        assert await row(world, "jl", "mine") == {**rest, **times, "END": ended["endTime"], "STATE": "Released"}


async def test_an_exporter_without_a_spec_is_enabled_and_has_not_lost_what_it_never_had(world: World) -> None:
    world.exporter("bench-1")
    bare = {"apiVersion": "jumpstarter.dev/v1alpha1", "kind": "Exporter", "metadata": {"name": "bare"}}
    world.client.create(world.path("exporters"), bare).ok()
    async with bench(world):
        seen = await world.until("exporters", "bare", lambda it: reason_of(it, "Online") == "NeverConnected")
        assert message_of(seen, "Online") == "it has not connected yet; start jumplab-exporter on its host"
        shown = await row(world, "exp", "bare")
        assert (shown["ENABLED"], shown["STATUS"]) == ("true", "Offline")
        described = await kubectl(world, "describe", "exp", "bare")
        assert "it has not connected yet" in described
        assert "lost" not in described
        await world.until("exporters", "bench-1", lambda it: condition(it, "Online") == "True")
    async with bench(world, "bare"):
        lost = await world.until("exporters", "bench-1", lambda it: condition(it, "Online") == "False")
        assert reason_of(lost, "Online") == "Disconnected"
