"""Each file of a data directory, damaged in each way: a sentence and what to do, never another lab or another CA."""

from __future__ import annotations

import asyncio
import json
import shutil
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from jumplab_operator import pki
from jumplab_operator.errors import CannotStart
from jumplab_operator.kept_keys import stored_keys
from jumplab_operator.standalone.storage import soundness
from jumplab_operator.standalone.storage.newest_version import NewestVersion
from tests.kube.processes import free_ports
from tests.standalone.in_process import served

SECRETS = "/api/v1/namespaces/default/secrets"
FILES = (
    *("jumplab-data", "api.sqlite3", "ca.crt", "ca.key", "signing.key", "accounts.key", "admin.token"),
    *("port", "grpc-port", "kubeconfig", "lock", "reserve", "newest-version"),
)
MADE_AGAIN = {"port", "grpc-port", "kubeconfig", "lock", "reserve", "newest-version"}
"""Nothing is lost with them: each start writes them, and says so where it matters."""
TAKEN = {
    ("jumplab-data", "missing"),  # as in an older version's directory
    ("admin.token", "missing"),  # an administrator removes it for a new one
    ("accounts.key", "missing"),
    ("reserve", "a folder"),  # then there is none
    ("newest-version", "a folder"),
    ("admin.token", "truncated"),  # it may be an administrator's own, of any length
}


def remove(file: Path) -> None:
    file.unlink()


def empty(file: Path) -> None:
    file.write_bytes(b"")


def truncate(file: Path) -> None:
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 2])


def flip(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 0xFF
    file.write_bytes(content)


def make_folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


def replace_by_another_version(file: Path) -> None:
    if file.name == "api.sqlite3":
        connection = sqlite3.connect(file)
        connection.execute("PRAGMA user_version = 99")
        connection.close()
    elif file.name == "jumplab-data":
        file.write_text(json.dumps({"layout": 99, "sections": []}))
    elif file.suffix == ".key":
        made = rsa.generate_private_key(65537, 2048)
        form = serialization.PrivateFormat.TraditionalOpenSSL
        file.write_bytes(made.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()))
    elif file.name == "ca.crt":
        file.write_bytes(pki.make_authority(datetime.now(UTC)).certificate_pem)
    else:
        file.write_text("version: 99\n")


DAMAGES: dict[str, Callable[[Path], None]] = {
    "missing": remove,
    "empty": empty,
    "truncated": truncate,
    "flipped": flip,
    "another version": replace_by_another_version,
    "a folder": make_folder,
}


async def lab_in(folder: Path) -> tuple[bytes, bytes, list[str]]:
    """Start on a data directory: its CA, its signing key, and its secrets."""
    (port,) = free_ports(1)
    async with served(folder, port=port) as (api, session):
        keys = stored_keys(api.data_dir)
        api.data_dir.remember_port(7444, "grpc-port")
        async with session.get(SECRETS) as answer:
            names = [each["metadata"]["name"] for each in (await answer.json())["items"]]
        return api.ca_pem, keys.files()["signing.key"], names


async def lab_or_refusal(folder: Path, name: str) -> object:
    """What there is after a start; "refused" where the start was refused with a sentence about that file."""
    try:
        return await lab_in(folder)
    except CannotStart as refusal:
        return "refused" if str(folder / name) in str(refusal) else str(refusal)


@pytest.fixture(scope="module")
def intact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("intact") / "data"

    async def make() -> None:
        kept = {"metadata": {"name": "kept"}}
        async with served(folder) as (_, session), session.post(SECRETS, json=kept) as answer:
            assert answer.status == 201
        await lab_in(folder)

    asyncio.run(make())
    return folder


@pytest.fixture
def folder(intact: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(intact, tmp_path / "data"))


def test_these_are_all_files(intact: Path) -> None:
    assert {each.name for each in intact.iterdir()} == set(FILES)


def irreplaceable_in(folder: Path) -> dict[str, bytes]:
    files = [folder / name for name in ("ca.crt", "ca.key", "signing.key", "api.sqlite3")]
    return {each.name: each.read_bytes() for each in files if each.is_file()}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("name", FILES)
async def test_a_damaged_file(folder: Path, name: str, damage: str) -> None:
    before = await lab_in(folder)
    DAMAGES[damage](folder / name)
    left = irreplaceable_in(folder)
    if (name in MADE_AGAIN and damage != "a folder") or (name, damage) in TAKEN:
        assert await lab_in(folder) == before
        return
    with pytest.raises(CannotStart) as refusal:
        await lab_in(folder)
    said = str(refusal.value)
    assert str(folder / name) in said or (str(folder) in said and damage == "a folder")
    assert any(word in said for word in ("restore", "upgrade", "remove it", "choose another", "its owner")), said
    assert irreplaceable_in(folder) == left


async def test_a_start_that_fails_late_listens_no_longer(folder: Path) -> None:
    DAMAGES["a folder"](folder / "kubeconfig")  # it is written once the port is known
    (port,) = free_ports(1)
    with pytest.raises(CannotStart):
        async with served(folder, port=port):
            pass
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", port)


@pytest.mark.parametrize("name", ["ca.crt", "ca.key", "signing.key", "accounts.key"])
async def test_each_byte_of_a_key_counts(folder: Path, name: str) -> None:
    """A key that reads, and is another one, would be worse than one that doesn't."""
    before, content = await lab_in(folder), (folder / name).read_bytes()
    for place in range(0, len(content), max(1, len(content) // 12)):
        changed = bytearray(content)
        changed[place] ^= 0x01
        (folder / name).write_bytes(changed)
        assert await lab_or_refusal(folder, name) in (before, "refused")


async def test_each_page_of_the_store_counts(folder: Path) -> None:
    before, content = await lab_in(folder), (folder / "api.sqlite3").read_bytes()
    for place in range(100, len(content), len(content) // 40):
        changed = bytearray(content)
        changed[place] ^= 0x10
        (folder / "api.sqlite3").write_bytes(changed)
        assert await lab_or_refusal(folder, "api.sqlite3") in (before, "refused")


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data directory of a control plane that was killed: its last changes are in SQLite's log alone."""
    running = tmp_path_factory.mktemp("running") / "data"
    folder = running.with_name("killed")

    async def make() -> None:
        await lab_in(running)
        async with served(running) as (_, session):
            for number in range(8):
                secret = {"metadata": {"name": f"secret-{number}"}, "data": {"filling": "AAAA" * 2000}}
                async with session.post(SECRETS, json=secret) as answer:
                    assert answer.status == 201
                    version = int((await answer.json())["metadata"]["resourceVersion"])
            async with asyncio.timeout(240):  # it is noted behind the answer
                while NewestVersion.noted_beside(running / "api.sqlite3") != version:  # noqa: ASYNC110 - a file
                    await asyncio.sleep(0)
            shutil.copytree(running, folder)

    asyncio.run(make())
    return folder


async def test_each_part_of_the_log_of_changes_counts(killed: Path, tmp_path: Path) -> None:
    """SQLite takes the log up to the first damage, and says nothing of what comes behind it."""
    log = (killed / "api.sqlite3-wal").read_bytes()
    whole = await lab_in(Path(shutil.copytree(killed, tmp_path / "whole")))
    assert len(whole[2]) == 8
    outcomes = []
    for number, place in enumerate(range(0, len(log), max(1, len(log) // 20))):
        folder = Path(shutil.copytree(killed, tmp_path / str(number)))
        changed = bytearray(log)
        changed[place] ^= 0x10
        (folder / "api.sqlite3-wal").write_bytes(changed)
        outcomes.append(await lab_or_refusal(folder, "api.sqlite3"))
    assert "refused" in outcomes
    assert all(outcome in (whole, "refused") for outcome in outcomes)


@pytest.mark.parametrize("damage", ["missing", "empty", "truncated"])
async def test_a_log_of_changes_that_is_cut(killed: Path, tmp_path: Path, damage: str) -> None:
    folder = Path(shutil.copytree(killed, tmp_path / "data"))
    DAMAGES[damage](folder / "api.sqlite3-wal")
    with pytest.raises(CannotStart, match=r"has lost its last changes: .* restore it from a backup, or remove .*"):
        await lab_in(folder)
    NewestVersion.beside(folder / "api.sqlite3").unlink()
    await lab_in(folder)


async def test_a_damaged_history_is_forgotten_and_nothing_else(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    before = await lab_in(folder)
    connection = sqlite3.connect(folder / "api.sqlite3")
    (last,) = connection.execute("SELECT max(version) FROM history").fetchone()
    connection.execute("UPDATE history SET body = CAST(replace(body, 'kept', 'kapt') AS BLOB) WHERE name = 'kept'")
    connection.commit()
    connection.close()
    assert await lab_in(folder) == before
    assert "in the history of changes is damaged; the history is forgotten, and no object is lost" in caplog.text
    watch = {"watch": "1", "resourceVersion": str(last - 1)}
    async with served(folder) as (_, session), session.get(SECRETS, params=watch) as answer:
        told = await answer.json(content_type=None)
        assert told.get("object", told)["code"] == 410


async def test_an_object_that_is_damaged_while_it_is_served_is_refused(folder: Path) -> None:
    async with served(folder) as (_, session):
        connection = sqlite3.connect(folder / "api.sqlite3")
        connection.execute("UPDATE objects SET body = CAST(replace(body, 'kept', 'kapt') AS BLOB) WHERE name = 'kept'")
        connection.commit()
        connection.close()
        for url in (SECRETS, f"{SECRETS}/kept"):
            async with session.get(url) as answer:
                assert answer.status == 500
                assert "the stored object secrets/default/kept is damaged; stop" in (await answer.json())["message"]


async def test_a_changed_object_is_named(folder: Path) -> None:
    connection = sqlite3.connect(folder / "api.sqlite3")
    connection.execute("UPDATE objects SET body = CAST(replace(body, 'kept', 'kapt') AS BLOB) WHERE name = 'kept'")
    connection.commit()
    connection.close()
    with pytest.raises(CannotStart, match=r"api\.sqlite3 is damaged \(the stored object .*/kept was changed\)"):
        await lab_in(folder)


def test_a_large_store_is_checked_for_a_bounded_time(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    connection = sqlite3.connect(folder / "api.sqlite3")
    connection.execute(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)"
        " INSERT INTO objects SELECT 'things', 'a', i, '{}', 0 FROM n"
    )
    with caplog.at_level("INFO"):
        soundness.check(connection, folder / "api.sqlite3", longest_seconds=0)
    assert "it was checked for 0 seconds, and not to its end" in caplog.text
    connection.close()
