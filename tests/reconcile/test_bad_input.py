"""What makes no sense is told in a condition or refused, and nobody else's lease notices."""

from __future__ import annotations

from typing import Any

import pytest

from tests.reconcile.world import World, bench, condition, message_of, reason_of

ODD = [
    ({"beginTime": "2031-01-01T10:00:00Z", "endTime": "2031-01-01T09:00:00Z"}, "InvalidTimes", "must come after"),
    (
        {"beginTime": "2031-01-01T10:00:00Z", "endTime": "2031-01-01T11:00:00Z", "duration": "2h"},
        "InvalidTimes",
        "contradict each other",
    ),
    ({"duration": "0s"}, "InvalidTimes", "greater than zero"),
    ({"duration": "90000000h"}, "InvalidTimes", "at most 87840h"),
    ({"duration": "99999999999999999999h"}, "InvalidTimes", "at most 87840h"),
    ({"duration": "90000000h", "endTime": "2031-01-01T11:00:00Z"}, "InvalidTimes", "at most 87840h"),
    ({"beginTime": "9999-12-31T23:59:59Z"}, "InvalidTimes", "in the year 9999"),
    ({"endTime": "0001-01-01T00:00:00+14:00"}, "InvalidTimes", "in the year 1"),
    ({"beginTime": "2001-01-01T10:00:00Z"}, "InvalidTimes", "beginTime was in the past when the lease was created"),
    ({"endTime": "2001-01-01T10:00:00Z", "duration": None}, "Expired", "expired"),
    ({"selector": {}}, "InvalidSelector", "selector and exporterRef are both missing"),
    (
        {"selector": {"matchExpressions": [{"key": "a", "operator": "Near"}]}},
        "InvalidSelector",
        '"Near" is not an operator',
    ),
    ({"selector": {"matchExpressions": [{"key": "a", "operator": "In"}]}}, "InvalidSelector", "at least one value"),
    ({"clientRef": {"name": "nobody"}}, "NoAccess", 'client "nobody" does not exist'),
]


async def test_leases_that_make_no_sense_say_so_and_the_next_one_is_served(world: World) -> None:
    world.exporter("bench-1")
    async with bench(world):
        for number, (spec, _, _) in enumerate(ODD):
            world.lease(f"odd-{number}", **spec)
        world.lease("good")
        await world.until_ready("good")
        for number, (_, reason, words) in enumerate(ODD):
            told = await world.until_reason(f"odd-{number}", reason)
            assert words in message_of(told)


@pytest.mark.parametrize("spec", [{"duration": "-5m"}, {"duration": "soon"}, {"beginTime": "tomorrow"}])
async def test_what_is_no_duration_and_no_time_is_refused_by_the_api(world: World, spec: dict[str, Any]) -> None:
    asked = {"clientRef": {"name": "ci"}, "selector": {"matchLabels": {"board": "imx8"}}, **spec}
    body = {
        "apiVersion": "jumpstarter.dev/v1alpha1",
        "kind": "Lease",
        "metadata": {"name": "odd"},
        "spec": asked,
    }
    refused = world.client.create(world.path("leases"), body)
    assert refused.code == 422
    assert f"spec.{next(iter(spec))}" in str(refused.body)


async def test_an_edit_that_makes_no_sense_ends_no_running_lease(world: World) -> None:
    world.exporter("bench-1")
    async with bench(world):
        world.lease("first")
        ready = await world.until_ready("first")
        for spec, words in (
            ({"duration": "99999999999999999999h"}, "at most 87840h"),
            ({"duration": "10m", "endTime": "9999-12-31T23:59:59Z"}, "in the year 9999"),
        ):
            world.patch("leases", "first", {"spec": spec}).ok()
            told = await world.until("leases", "first", lambda it, words=words: words in message_of(it, "Invalid"))
            assert condition(told, "Ready") == "True"
            assert told["status"]["expectedEndTime"] == ready["status"]["expectedEndTime"]


async def test_an_edit_after_the_end_is_told_to_be_in_vain(world: World) -> None:
    world.exporter("bench-1")
    async with bench(world):
        world.lease("first")
        await world.until_ready("first")
        world.patch("leases", "first", {"spec": {"release": True}}).ok()
        await world.until_reason("first", "Released")
        world.patch("leases", "first", {"spec": {"duration": "1h", "release": False}}).ok()
        told = await world.until("leases", "first", lambda it: condition(it, "Invalid") == "True")
        assert message_of(told, "Invalid") == "the lease has ended and can't be changed; create a new one"
        assert (told["status"]["ended"], told["status"]["conditions"][-1]["type"]) == (True, "Ready")
        assert reason_of(told) == "Released"
        world.patch("leases", "first", {"spec": {"duration": "10m", "ttlSecondsAfterEnded": 3600}}).ok()
        await world.until("leases", "first", lambda it: condition(it, "Invalid") is None)


async def test_an_edit_that_the_schema_admits_and_nobody_can_read_ends_no_running_lease(world: World) -> None:
    """The year 0 is a date-time to kube-apiserver, and none to the operator; the standalone API refuses it."""
    world.exporter("bench-1")
    async with bench(world):
        world.lease("first")
        await world.until_ready("first")
        edited = world.patch("leases", "first", {"spec": {"endTime": "0000-01-01T00:00:00Z"}})
        if edited.code == 422:
            return
        edited.ok()
        told = await world.until("leases", "first", lambda it: condition(it, "Invalid") == "True")
        assert condition(told, "Ready") == "True"
        assert "spec.endTime" in message_of(told, "Invalid")
        world.lease("second", endTime="0000-01-01T00:00:00Z")
        await world.until_reason("second", "Unreadable")
        world.patch("leases", "first", {"spec": {"endTime": None}}).ok()
        told = await world.until("leases", "first", lambda it: condition(it, "Invalid") is None)
        assert condition(told, "Ready") == "True"
