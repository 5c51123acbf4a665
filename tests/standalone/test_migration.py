"""A data directory of an older version: brought up to date at the start, with a copy of what was there."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.kube.client import KubeClient
from tests.kube.servers import StandaloneApi
from tests.kube.waiting import eventually

LAYOUT_1 = """
CREATE TABLE objects (
    resource TEXT NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL, body BLOB NOT NULL,
    PRIMARY KEY (resource, namespace, name)
);
CREATE INDEX objects_by_namespace ON objects (namespace);
CREATE INDEX objects_by_last_write ON objects (resource);
CREATE TABLE history (
    version INTEGER PRIMARY KEY AUTOINCREMENT,
    resource TEXT NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL,
    type TEXT NOT NULL, body BLOB NOT NULL, previous BLOB
);
CREATE INDEX history_by_resource ON history (resource, version);
CREATE TABLE compacted (resource TEXT PRIMARY KEY, version INTEGER NOT NULL);
PRAGMA user_version = 1;
"""
SECRETS = "/api/v1/namespaces/default/secrets"


def body(kind: str, name: str, version: int, **more: Any) -> dict[str, Any]:
    metadata = {
        "name": name, "uid": f"uid-of-{name}", "resourceVersion": str(version),
        "creationTimestamp": "2024-01-01T00:00:00Z", **more.pop("metadata", {}),
    }  # fmt: skip
    return {"apiVersion": "v1", "kind": kind, "metadata": metadata, **more}


def write_layout_1(database: Path) -> None:
    """A store as 0.1 wrote it: a namespace, an owner, what it owns, and what names an owner that is gone."""
    active = {"spec": {"finalizers": ["kubernetes"]}, "status": {"phase": "Active"}}
    secrets = {"namespace": "default"}

    def owned_by(name: str) -> dict[str, Any]:
        owner = {"apiVersion": "v1", "kind": "Secret", "name": name, "uid": f"uid-of-{name}"}
        return {**secrets, "ownerReferences": [owner]}

    objects = [
        ("namespaces", "", body("Namespace", "default", 1, **active)),
        ("secrets", "default", body("Secret", "owner", 2, type="Opaque", metadata=secrets)),
        ("secrets", "default", body("Secret", "owned", 3, type="Opaque", metadata=owned_by("owner"))),
        ("secrets", "default", body("Secret", "left", 4, type="Opaque", metadata=owned_by("gone"))),
    ]
    connection = sqlite3.connect(database)
    connection.executescript(LAYOUT_1)
    for resource, namespace, obj in objects:
        name, version, text = obj["metadata"]["name"], int(obj["metadata"]["resourceVersion"]), json.dumps(obj)
        connection.execute("INSERT INTO objects VALUES (?, ?, ?, ?)", (resource, namespace, name, text.encode()))
        row = (version, resource, namespace, name, "ADDED", text.encode(), None)
        connection.execute("INSERT INTO history VALUES (?, ?, ?, ?, ?, ?, ?)", row)
    connection.commit()
    connection.close()


@pytest.fixture
def migrated(tmp_path: Path) -> Iterator[StandaloneApi]:
    api = StandaloneApi(tmp_path)
    api.data_dir.mkdir()
    write_layout_1(api.data_dir / "api.sqlite3")
    with api:
        yield api


def test_a_store_of_layout_1_is_brought_up_to_date(migrated: StandaloneApi) -> None:
    client = KubeClient(migrated.url, migrated.ca, migrated.token)
    assert client.get(f"{SECRETS}/owner").ok()["metadata"]["uid"] == "uid-of-owner"
    assert int(client.create(SECRETS, {"metadata": {"name": "new"}}).version) > 4
    with client.watch(f"{SECRETS}?watch=true&resourceVersion=2") as events:
        assert next(events)["object"]["code"] == 410
    eventually(lambda: client.get(f"{SECRETS}/left").code == 404, "what names an owner that is gone goes")
    client.delete(f"{SECRETS}/owner").ok()
    eventually(lambda: client.get(f"{SECRETS}/owned").code == 404, "what was owned before goes after its owner")
    client.close()


def test_a_copy_of_the_old_store_is_kept(migrated: StandaloneApi) -> None:
    copy = migrated.data_dir / "api.sqlite3.layout-1"
    connection = sqlite3.connect(copy)
    assert connection.execute("PRAGMA user_version").fetchone() == (1,)
    assert connection.execute("SELECT count(*) FROM history").fetchone() == (4,)
    connection.close()
    assert copy.stat().st_mode & 0o777 == 0o600
    migrated.restart()
    assert KubeClient(migrated.url, migrated.ca, migrated.token).get(f"{SECRETS}/owned").code == 200
