"""The operator's client of the Kubernetes API leaves no connection open, however the API server behaves at the end."""

from __future__ import annotations

import asyncio
import gc
import warnings
from collections.abc import Callable, Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from jumplab_operator.kube.access import KubeAccess
from jumplab_operator.kube.client import connected
from tests.kube.silent_server import SilentServer, silent_server

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"


async def answered(server: SilentServer) -> None:
    async with connected(KubeAccess(server.url, server.ca_pem, "token")) as kube:
        assert await kube.request("GET", "/version") == {}


async def cancelled(server: SilentServer) -> None:
    """While it waits for an answer: aiohttp closes such a connection in the background."""
    async with connected(KubeAccess(server.url, server.ca_pem, "token")) as kube:
        asking = asyncio.create_task(kube.request("GET", "/version"))
        await asyncio.to_thread(server.has_answered.wait)
        asking.cancel()
        with suppress(asyncio.CancelledError):
            await asking


@pytest.mark.parametrize(("ask", "answer"), [(answered, ANSWER), (cancelled, b"")])
def test_a_server_that_does_not_close_its_end_leaves_no_socket_open(
    tmp_path: Path, ask: Callable[[SilentServer], Coroutine[Any, Any, None]], answer: bytes
) -> None:
    with warnings.catch_warnings(record=True) as found, silent_server(tmp_path, answer) as server:
        warnings.simplefilter("always")
        asyncio.run(ask(server))
        gc.collect()
    assert [str(each.message) for each in found if each.category is ResourceWarning] == []
