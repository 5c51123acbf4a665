"""Events are forgotten after an hour: the standalone API's own clock is moved on."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp

from jumplab_operator.standalone.server import KubernetesApi

EVENTS = "/api/v1/namespaces/default/events"


async def test_an_event_is_kept_for_an_hour(tmp_path: Path) -> None:
    now = datetime(2030, 1, 1, tzinfo=UTC)
    async with KubernetesApi(tmp_path, port=0, clock=lambda: now) as api:
        trust = ssl.create_default_context(cadata=api.ca_pem.decode())
        trust.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        trust.check_hostname, trust.verify_mode = False, ssl.CERT_NONE  # its certificate begins with its clock
        headers = {"Authorization": f"Bearer {api.admin_token}"}
        connector = aiohttp.TCPConnector(ssl=trust)
        async with aiohttp.ClientSession(api.url, headers=headers, connector=connector) as session:

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
