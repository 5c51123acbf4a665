"""The data directory and the port: kept, private, and refused in one sentence where they are in use."""

from __future__ import annotations

import asyncio
import os
import re
import sqlite3
import ssl
import stat
from pathlib import Path

import aiohttp
import pytest

from jumplab_operator.errors import DataDirInUse, DataDirUnusable, PortUnavailable
from jumplab_operator.standalone.http.server import KubernetesApi
from jumplab_operator.standalone.storage.datadir import DataDir


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


async def get(api: KubernetesApi, path: str) -> int:
    trust = ssl.create_default_context(cadata=api.ca_pem.decode())
    headers = {"Authorization": f"Bearer {api.admin_token}"}
    async with aiohttp.ClientSession(headers=headers) as session, session.get(api.url + path, ssl=trust) as answer:
        return answer.status


async def test_it_serves_while_entered_and_tells_how_to_reach_it(tmp_path: Path) -> None:
    async with KubernetesApi(tmp_path / "data", port=0) as api:
        assert await get(api, "/api/v1/namespaces/default") == 200
        config = api.kubeconfig()
    assert config["clusters"][0]["cluster"]["server"] == api.url
    assert re.fullmatch(r"https://127\.0\.0\.1:\d+", api.url)
    with pytest.raises(aiohttp.ClientConnectorError):
        await get(api, "/api/v1/namespaces/default")


async def test_what_lies_there_is_its_owners_alone(tmp_path: Path) -> None:
    async with KubernetesApi(tmp_path / "deep" / "data", port=0) as api:
        folder = api.data_dir.path
        assert mode(folder) == 0o700
        for file in ("kubeconfig", "admin.token", "ca.key", "api.sqlite3", "lock"):
            assert mode(folder / file) == 0o600, file


async def test_address_authority_and_token_stay_over_restarts(tmp_path: Path) -> None:
    seen = []
    for _ in range(2):
        async with KubernetesApi(tmp_path, port=0) as api:
            seen.append((api.url, api.ca_pem, api.admin_token))
    assert seen[0] == seen[1]


async def test_a_data_directory_has_one_instance(tmp_path: Path) -> None:
    async with KubernetesApi(tmp_path, port=0) as api:
        with pytest.raises(DataDirInUse) as refusal:
            async with KubernetesApi(tmp_path, port=0):
                pass
        assert await get(api, "/readyz") == 200
    assert str(refusal.value) == (
        f"the data directory {tmp_path} is in use by process {os.getpid()}; "
        "stop that process or choose another directory with --data-dir"
    )


async def test_a_port_in_use_is_told(tmp_path: Path) -> None:
    listening = await asyncio.start_server(lambda _reader, _writer: None, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    async with listening:
        with pytest.raises(PortUnavailable, match=rf"can't listen on 127\.0\.0\.1, port {port}: .*; stop what uses it"):
            async with KubernetesApi(tmp_path, port=port):
                pass
    async with KubernetesApi(tmp_path, port=0):  # the refused start left nothing locked
        pass


async def test_a_data_directory_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataDirUnusable, match=r"the data directory .*/file/data can't be used: .*choose another"):
        async with KubernetesApi(tmp_path / "file" / "data", port=0):
            pass


async def test_a_store_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "api.sqlite3").write_bytes(b"this is no database" * 100)
    with pytest.raises(DataDirUnusable, match=r"is damaged .*; restore it from a backup"):
        async with KubernetesApi(tmp_path, port=0):
            pass


async def test_a_store_of_another_layout(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "api.sqlite3")
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(
        DataDirUnusable,
        match=r"has layout 99, and this version of jumplab-operator reads up to layout 4; upgrade jumplab-operator",
    ):
        async with KubernetesApi(tmp_path, port=0):
            pass


def test_a_lock_goes_with_its_holder(tmp_path: Path) -> None:
    with DataDir(tmp_path):
        pass
    with DataDir(tmp_path) as again:
        assert (again.path / "lock").read_text() == f"{os.getpid()}\n"


@pytest.mark.parametrize("name", ["port", "grpc-port"])
def test_a_port_that_can_not_be_read_is_chosen_anew(tmp_path: Path, name: str) -> None:
    with DataDir(tmp_path) as data_dir:
        (tmp_path / name).write_bytes(b"")
        assert data_dir.remembered_port(name) is None
        data_dir.remember_port(7443, name)
        assert data_dir.remembered_port(name) == 7443
