"""Events are forgotten after an hour: the standalone API's own clock is moved on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.standalone.in_process import served

EVENTS = "/api/v1/namespaces/default/events"


async def test_an_event_is_kept_for_an_hour(tmp_path: Path) -> None:
    now = datetime(2030, 1, 1, tzinfo=UTC)
    async with served(tmp_path, clock=lambda: now) as (_, session):

        async def tell(name: str) -> list[str]:
            about = {"involvedObject": {"name": "a", "namespace": "default"}}
            async with session.post(EVENTS, json={"metadata": {"name": name}, **about}) as answer:
                assert answer.status == 201
            async with session.get(EVENTS) as answer:
                return [item["metadata"]["name"] for item in (await answer.json())["items"]]

        assert await tell("a") == ["a"]
        now += timedelta(minutes=59)
        assert await tell("b") == ["a", "b"]
        now += timedelta(minutes=2)
        assert await tell("c") == ["b", "c"]
