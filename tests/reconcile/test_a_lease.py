"""From `kubectl apply` to the end of a lease, with exporters that do as they are told."""

from __future__ import annotations

import asyncio
import base64
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from jumplab_operator.names import Name
from jumplab_operator.reconcile.composition.compose import running_lab
from tests.reconcile.world import SimulatedExporter, Tokens, World, bench, condition, message_of, reason_of, serving


async def test_a_lease_gets_an_exporter_and_its_release_frees_it(world: World) -> None:
    world.exporter("bench-1")
    async with bench(world):
        world.lease("first")
        ready = await world.until_ready("first")
        assert ready["status"]["exporterRef"] == {"name": "bench-1"}
        assert condition(ready, "Pending") == "False"
        assert ready["status"]["conditions"][-1]["type"] == "Ready"
        claim = world.get("exporters", "bench-1")["status"]["leaseRef"]
        assert {**claim, "since": ""} == {
            "name": "first",
            "uid": ready["metadata"]["uid"],
            "client": "ci",
            "since": "",
        }
        assert datetime.fromisoformat(claim["since"]) <= datetime.fromisoformat(ready["status"]["beginTime"])

        world.patch("leases", "first", {"spec": {"release": True}}).ok()
        ended = await world.until(
            "leases", "first", lambda it: "jumpstarter.dev/lease-ended" in it["metadata"].get("labels", {})
        )
        assert (ended["status"]["ended"], reason_of(ended)) == (True, "Released")
        await world.until_unclaimed("bench-1")


async def test_a_deleted_lease_frees_its_exporter(world: World) -> None:
    world.exporter("bench-1")
    async with bench(world) as exporter:
        world.lease("first")
        await world.until_ready("first")
        world.delete("leases", "first")
        await world.until_unclaimed("bench-1")
        assert exporter.seen[-1] is None


async def test_a_lease_ends_when_its_time_is_over(world: World) -> None:
    world.exporter("bench-1")
    async with bench(world):
        world.lease("short", duration="1s")
        ended = await world.until_reason("short", "Expired")
        assert ended["status"]["endTime"] >= ended["status"]["expectedEndTime"]
        await world.until_unclaimed("bench-1")


async def test_a_second_lease_waits_says_why_and_is_served_next(world: World) -> None:
    world.exporter("bench-1")
    async with bench(world):
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


async def test_a_lease_that_begins_later_is_scheduled_and_then_ready(world: World) -> None:
    world.exporter("bench-1")
    async with bench(world):
        world.lease("later", beginTime=(datetime.now(UTC) + timedelta(hours=1)).isoformat())
        waiting = await world.until_reason("later", "Scheduled")
        assert re.match("begins (at|on) ", message_of(waiting))  # with a date where that is tomorrow
        begin = datetime.now(UTC) + timedelta(seconds=2)
        world.patch("leases", "later", {"spec": {"beginTime": begin.isoformat()}}).ok()
        ready = await world.until_ready("later")
        assert datetime.fromisoformat(ready["status"]["beginTime"]) >= begin


async def test_a_lease_that_nothing_matches_is_unsatisfiable_until_something_does(world: World) -> None:
    async with running_lab(world.access, world.settings(), Tokens()) as lab:
        world.lease("first")
        refused = await world.until_reason("first", "ExporterNotFound")
        assert condition(refused, "Unsatisfiable") == "True"
        assert message_of(refused) == "there is no exporter that matches board=imx8"
        world.exporter("bench-1")
        await world.until("exporters", "bench-1", lambda it: it.get("status", {}).get("credential"))
        async with serving(SimulatedExporter(lab, Name(world.namespace, "bench-1"))):
            await world.until_ready("first")


async def test_an_invalid_edit_is_told_and_what_was_accepted_stays_in_force(world: World) -> None:
    world.exporter("bench-1")
    async with bench(world):
        world.lease("first")
        ready = await world.until_ready("first")
        world.patch("leases", "first", {"spec": {"tags": {"new": "tag"}}}).ok()
        told = await world.until("leases", "first", lambda it: condition(it, "Invalid") == "True")
        assert "tags can't be changed" in message_of(told, "Invalid")
        assert told["status"]["conditions"][-1]["type"] == "Ready"
        assert told["status"]["accepted"] == ready["status"]["accepted"]
        world.patch("leases", "first", {"spec": {"tags": None, "duration": "20m"}}).ok()
        longer = await world.until("leases", "first", lambda it: condition(it, "Invalid") is None)
        assert _seconds(longer) == _seconds(ready) + 600


def _seconds(lease: dict[str, Any]) -> float:
    return datetime.fromisoformat(lease["status"]["expectedEndTime"]).timestamp()


async def test_a_lease_that_was_never_valid_says_what_is_wrong(world: World) -> None:
    async with running_lab(world.access, world.settings(), Tokens()):
        world.lease("first", selector={})
        told = await world.until_reason("first", "InvalidSelector")
        assert told["status"]["conditions"][-1]["type"] == "Invalid"


async def test_what_happens_to_a_lease_is_told_in_events(world: World) -> None:
    world.exporter("bench-1")
    async with bench(world):
        world.lease("first")
        await world.until_ready("first")
        world.patch("leases", "first", {"spec": {"release": True}}).ok()
        await world.until_event("Ended")
        events = world.client.get(world.path("events")).ok()["items"]
        told = [event["reason"] for event in events if event["involvedObject"]["name"] == "first"]
        assert sorted(told) == ["Assigned", "Ended", "Ready"]


async def test_an_access_policy_decides_and_one_that_cannot_be_read_denies(world: World) -> None:
    world.exporter("bench-1")
    crooked = {"matchExpressions": [{"key": "board", "operator": "Near"}]}
    world.create("ExporterAccessPolicy", "who", {"exporterSelector": crooked, "policies": [{"from": [{}]}]})
    async with bench(world):
        world.lease("first")
        await world.until_reason("first", "NoAccess")
        told = await world.until("exporteraccesspolicies", "who", lambda it: condition(it, "Valid") == "False")
        assert '"Near" is not an operator' in message_of(told, "Valid")
        rule = {"priority": 7, "from": [{"clientSelector": {"matchLabels": {"team": "kernel"}}}]}
        world.patch("exporteraccesspolicies", "who", {"spec": {"exporterSelector": None, "policies": [rule]}}).ok()
        ready = await world.until_ready("first")
        assert ready["status"]["priority"] == 7


async def test_tags_are_mirrored_as_labels(world: World) -> None:
    world.exporter("bench-1")
    async with bench(world):
        world.lease("first", tags={"build": "17"})
        await world.until(
            "leases", "first", lambda it: it["metadata"].get("labels") == {"metadata.jumpstarter.dev/build": "17"}
        )


@pytest.mark.needs("kubectl")
async def test_kubectl_wait_is_the_way_to_wait(world: World) -> None:
    world.exporter("bench-1")
    async with bench(world):
        world.lease("first")
        command = ["kubectl", "--kubeconfig", str(world.api.kubeconfig), "--namespace", world.namespace]
        waiting = await asyncio.create_subprocess_exec(
            *command, "wait", "--for=condition=Ready", "jl/first", "--timeout=240s", stdout=asyncio.subprocess.PIPE
        )
        said, _ = await waiting.communicate()
        assert said.decode().strip() == "lease.jumpstarter.dev/first condition met"


async def test_a_lease_that_is_to_wait_gets_the_exporter_that_is_made_later(world: World) -> None:
    async with running_lab(world.access, world.settings(), Tokens()) as lab:
        world.lease("patient", whenUnsatisfiable="Wait")
        waiting = await world.until_reason("patient", "ExporterNotFound")
        assert condition(waiting, "Unsatisfiable") is None
        world.exporter("bench-1")
        await world.until("exporters", "bench-1", lambda it: it.get("status", {}).get("credential"))
        async with serving(SimulatedExporter(lab, Name(world.namespace, "bench-1"))):
            await world.until_ready("patient")
