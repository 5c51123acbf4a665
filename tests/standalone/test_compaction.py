"""A history that is too old or too large is forgotten, and a watch from before is told so."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from jumplab_operator.standalone.storage.compaction import HistoryLimits
from tests.standalone.in_process import served

MAPS = "/api/v1/namespaces/default/configmaps"
START = datetime(2030, 1, 1, tzinfo=UTC)


async def write(session: aiohttp.ClientSession, name: str, size: int = 1) -> str:
    """Make a config map, and return its resource version."""
    body = {"metadata": {"name": name}, "data": {"text": "x" * size}}
    async with session.post(MAPS, json=body) as answer:
        assert answer.status == 201, await answer.text()
        return str((await answer.json())["metadata"]["resourceVersion"])


async def first_event(session: aiohttp.ClientSession, since: str) -> Any:
    query = {"watch": "true", "resourceVersion": since}
    async with session.get(MAPS, params=query) as answer:
        return json.loads(await answer.content.readline())


async def assert_forgotten(session: aiohttp.ClientSession, since: str, newest: str) -> None:
    event = await first_event(session, since)
    assert event["type"] == "ERROR"
    assert (event["object"]["code"], event["object"]["reason"]) == (410, "Expired")
    assert event["object"]["message"] == f"too old resource version: {since} ({newest})"


async def test_what_is_older_than_the_bound_is_forgotten(tmp_path: Path) -> None:
    now = START
    async with served(tmp_path, limits=HistoryLimits(age=timedelta(hours=1)), clock=lambda: now) as (
        _,
        session,
    ):
        first, second = await write(session, "a"), await write(session, "b")
        now += timedelta(minutes=59)
        third = await write(session, "c")
        assert (await first_event(session, first))["object"]["metadata"]["name"] == "b"
        now += timedelta(minutes=2)
        await write(session, "d")
        now += timedelta(minutes=7)  # it is shortened when a tenth of the age has gone by
        await write(session, "e")
        await write(session, "f")  # its turn comes after that
        await assert_forgotten(session, first, second)
        assert (await first_event(session, third))["object"]["metadata"]["name"] == "d"


async def test_what_is_beyond_the_bytes_is_forgotten_however_few_changes_it_is(tmp_path: Path) -> None:
    async with served(tmp_path, limits=HistoryLimits(bytes=100_000), clock=lambda: START) as (_, session):
        first, *_middle, last = [await write(session, f"m{number}", 30_000) for number in range(6)]
        await write(session, "after")  # its turn comes once the history was shortened
        event = await first_event(session, first)
        assert (event["type"], event["object"].get("code")) == ("ERROR", 410)
        assert (await first_event(session, last))["object"]["metadata"]["name"] == "after"


@pytest.mark.parametrize(
    "limits", [HistoryLimits(), HistoryLimits(bytes=10_000_000, age=timedelta(days=1))], ids=["default", "wide"]
)
async def test_nothing_within_the_bounds_is_forgotten(tmp_path: Path, limits: HistoryLimits) -> None:
    now = START
    async with served(tmp_path, limits=limits, clock=lambda: now) as (_, session):
        first = await write(session, "a")
        for number in range(4):
            now += timedelta(minutes=10)
            await write(session, f"m{number}", 30_000)
        assert (await first_event(session, first))["object"]["metadata"]["name"] == "m0"
