"""From `kubectl apply` to the end of a lease, with exporters that do as they are told."""

from __future__ import annotations

import base64

from jumplab_operator.controller.lab import Name
from jumplab_operator.handlers.running import running_lab
from tests.operator.world import SimulatedExporter, Tokens, World, condition, message_of, reason_of, serving


async def test_a_lease_gets_an_exporter_and_its_release_frees_it(world: World) -> None:
    world.exporter("bench-1")
    async with running_lab(world.access, world.settings(), Tokens()) as lab:
        async with serving(SimulatedExporter(lab, Name(world.namespace, "bench-1"))):
            world.lease("first")
            ready = await world.until_ready("first")
            assert ready["status"]["exporterRef"] == {"name": "bench-1"}
            assert condition(ready, "Pending") == "False"
            assert ready["status"]["conditions"][-1]["type"] == "Ready"
            claim = world.get("exporters", "bench-1")["status"]["leaseRef"]
            assert claim == {"name": "first", "uid": ready["metadata"]["uid"]}

            world.patch("leases", "first", {"spec": {"release": True}}).ok()
            ended = await world.until(
                "leases", "first", lambda it: "jumpstarter.dev/lease-ended" in it["metadata"].get("labels", {})
            )
            assert (ended["status"]["ended"], reason_of(ended)) == (True, "Released")
            await world.until_unclaimed("bench-1")


async def test_a_deleted_lease_frees_its_exporter(world: World) -> None:
    world.exporter("bench-1")
    async with running_lab(world.access, world.settings(), Tokens()) as lab:
        async with serving(SimulatedExporter(lab, Name(world.namespace, "bench-1"))) as exporter:
            world.lease("first")
            await world.until_ready("first")
            world.delete("leases", "first")
            await world.until_unclaimed("bench-1")
            assert exporter.seen[-1] is None


async def test_a_lease_ends_when_its_time_is_over(world: World) -> None:
    world.exporter("bench-1")
    async with running_lab(world.access, world.settings(), Tokens()) as lab:
        async with serving(SimulatedExporter(lab, Name(world.namespace, "bench-1"))):
            world.lease("short", duration="1s")
            ended = await world.until_reason("short", "Expired")
            assert ended["status"]["endTime"] >= ended["status"]["expectedEndTime"]
            await world.until_unclaimed("bench-1")


async def test_a_second_lease_waits_says_why_and_is_served_next(world: World) -> None:
    world.exporter("bench-1")
    async with running_lab(world.access, world.settings(), Tokens()) as lab:
        async with serving(SimulatedExporter(lab, Name(world.namespace, "bench-1"))):
            world.lease("first")
            await world.until_ready("first")
            world.lease("second")
            waiting = await world.until_reason("second", "NotAvailable")
            assert waiting["status"]["conditions"][-1]["type"] == "Pending"
            assert "leased, by ci" in message_of(waiting)
            world.delete("leases", "first")
            await world.until_ready("second")


async def test_credentials_are_in_secrets_that_go_with_their_owners(world: World) -> None:
    exporter = world.exporter("bench-1")
    async with running_lab(world.access, world.settings(), Tokens()):
        for plural, name in (("exporters", "bench-1"), ("clients", "ci")):
            seen = await world.until(plural, name, lambda it: it.get("status", {}).get("credential"))
            assert seen["status"]["endpoint"] == "lab:7444"
        secret = world.get("secrets", "bench-1-exporter")
        token = base64.b64decode(secret["data"]["token"]).decode()
        assert token.startswith(f"Exporter/{world.namespace}/bench-1/{exporter['metadata']['uid']}")
        assert secret["metadata"]["ownerReferences"][0]["uid"] == exporter["metadata"]["uid"]
