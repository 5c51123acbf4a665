"""A service account's token ends when its time is over: the standalone API's own clock is moved on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.standalone.in_process import served

TOKEN = "/api/v1/namespaces/default/serviceaccounts/default/token"
REVIEWS = "/apis/authentication.k8s.io/v1/tokenreviews"
SELF = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews"


async def test_an_expired_token_is_refused(tmp_path: Path) -> None:
    now = datetime(2030, 1, 1, tzinfo=UTC)
    async with served(tmp_path, clock=lambda: now) as (_, session):
        async with session.post(TOKEN, json={"spec": {"expirationSeconds": 600}}) as answer:
            assert answer.status == 201
            token = (await answer.json())["status"]["token"]

        async def ask() -> tuple[int, str]:
            headers = {"Authorization": f"Bearer {token}"}
            async with session.post(SELF, json={"spec": {"namespace": "default"}}, headers=headers) as answer:
                return answer.status, (await answer.json()).get("message", "")

        async def is_authenticated() -> bool:
            async with session.post(REVIEWS, json={"spec": {"token": token}}) as answer:
                return bool((await answer.json())["status"].get("authenticated"))

        now += timedelta(seconds=599)
        assert (await ask())[0] == 201
        assert await is_authenticated()
        now += timedelta(seconds=1)
        assert await ask() == (401, "Unauthorized")
        assert not await is_authenticated()
