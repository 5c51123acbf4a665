"""Watches whose clients read nothing: they are dropped, they cost little, and they hold nobody up."""

from __future__ import annotations

import asyncio
import json
import re
import select
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from itertools import islice
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from jumplab_operator.standalone.http import watch_handler
from tests.kube.client import KubeClient
from tests.kube.servers import StandaloneApi
from tests.standalone.in_process import served, trust

MAPS = "/api/v1/namespaces/default/configmaps"
CHANGES, LARGE, SILENT = 40, 900_000, 4
PROCESS_ROOM = 150 * 1024 * 1024


def silent_watch(url: str, context: ssl.SSLContext, token: str, query: str) -> ssl.SSLSocket:
    """A watch whose client has read the beginning of the answer, and goes no further."""
    where = urlsplit(url)
    raw = socket.socket()
    raw.settimeout(240)
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    raw.connect((where.hostname, where.port))
    connection = context.wrap_socket(raw, server_hostname=where.hostname)
    request = f"GET {MAPS}?watch=true&{query} HTTP/1.1\r\nHost: {where.netloc}\r\nAuthorization: Bearer {token}\r\n\r\n"
    connection.sendall(request.encode())
    assert connection.recv(12) == b"HTTP/1.1 200"
    return connection


def wait_for_its_end(connection: ssl.SSLSocket) -> None:
    """Returns when the server has ended the connection, without reading from it."""
    poll = select.poll()
    poll.register(connection, 0)
    assert poll.poll(60_000), "the connection is still there"


@asynccontextmanager
async def large_changes(folder: Path) -> AsyncIterator[tuple[str, ssl.SSLContext, str]]:
    """An API with more changes in its history than sockets hold, and how to reach it."""
    async with served(folder) as (api, session):
        for number in range(14):
            body = {"metadata": {"name": f"m{number}"}, "data": {"text": "x" * LARGE}}
            async with session.post(MAPS, json=body) as answer:
                assert answer.status == 201
        yield api.url, trust(api), api.admin_token


@pytest.mark.parametrize("query", ["resourceVersion=1", "resourceVersion=1&timeoutSeconds=1", "resourceVersion=0"])
async def test_a_watch_that_never_reads_is_dropped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, query: str) -> None:
    monkeypatch.setattr(watch_handler, "SLOWEST_READER_SECONDS", 0.5)
    async with large_changes(tmp_path) as reach:
        connection = await asyncio.to_thread(silent_watch, *reach, query)
        with connection:
            await asyncio.to_thread(wait_for_its_end, connection)


def peak_bytes(pid: int) -> int:
    found = re.search(r"^VmHWM:\s+(\d+) kB$", Path(f"/proc/{pid}/status").read_text(), re.M)
    assert found is not None
    return int(found[1]) * 1024


def test_silent_watches_cost_little_and_hold_nobody_up(tmp_path: Path) -> None:
    with StandaloneApi(tmp_path) as api, ExitStack() as open_until_the_end:
        client = KubeClient(api.url, api.ca, api.token)
        made = client.create(MAPS, {"metadata": {"name": "a"}})
        for number in range(CHANGES):
            client.update(
                f"{MAPS}/a", {"metadata": {"name": "a"}, "data": {"n": str(number), "text": "x" * LARGE}}
            ).ok()
        context = ssl.create_default_context(cafile=str(api.ca))
        before = peak_bytes(api.process.pid)
        for _ in range(SILENT):
            silent = silent_watch(api.url, context, api.token, f"resourceVersion={made.version}")
            open_until_the_end.enter_context(silent)
        with client.watch(f"{MAPS}?watch=true&resourceVersion={made.version}") as events:
            seen = [event["object"]["data"]["n"] for event in islice(events, CHANGES)]
        assert seen == [str(number) for number in range(CHANGES)]
        client.create(MAPS, {"metadata": {"name": "b"}}).ok()
        assert peak_bytes(api.process.pid) - before < PROCESS_ROOM, "the history is some 72 MB, for each of four"
        client.close()


@pytest.mark.parametrize("value", ["true", "false", "1"])
async def test_initial_events_are_refused_in_words(tmp_path: Path, value: str) -> None:
    """kube-apiserver 1.20 knows no such parameter and ignores it; one that knows it but doesn't offer it says this."""
    query = {"watch": "true", "sendInitialEvents": value, "resourceVersionMatch": "NotOlderThan"}
    async with served(tmp_path) as (_, session), session.get(MAPS, params=query) as answer:
        status = json.loads(await answer.read())
    assert (answer.status, status["reason"]) == (422, "Invalid")
    rule = "sendInitialEvents is forbidden for watch unless the WatchList feature gate is enabled"
    assert status["message"] == f'ListOptions.meta.k8s.io "" is invalid: sendInitialEvents: Forbidden: {rule}'
