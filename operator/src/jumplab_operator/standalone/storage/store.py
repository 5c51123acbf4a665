"""The store's file: SQLite with what exists (`objects`, `owners`) and what happened (`history`, for watches and pages).

A resource version is a number that each change takes from one sequence; SQLite's AUTOINCREMENT never gives one twice.
Everything here reads; `writer` alone writes.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from jumplab_operator.standalone.base import errors
from jumplab_operator.standalone.storage import soundness

LAYOUT = 4
ALL_RESOURCES = ""
"""In the table `compacted`: what holds for each resource."""
TABLES = """
CREATE TABLE objects (
    resource TEXT NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL, body BLOB NOT NULL,
    checksum INTEGER NOT NULL,
    PRIMARY KEY (resource, namespace, name)
);
CREATE INDEX objects_by_namespace ON objects (namespace);
CREATE INDEX objects_by_last_write ON objects (resource);
CREATE TABLE history (
    version INTEGER PRIMARY KEY AUTOINCREMENT,
    resource TEXT NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL,
    type TEXT NOT NULL, body BLOB NOT NULL, previous BLOB, at INTEGER NOT NULL,
    checksum INTEGER NOT NULL
);
CREATE INDEX history_by_resource ON history (resource, version);
CREATE TABLE compacted (resource TEXT PRIMARY KEY, version INTEGER NOT NULL);
CREATE TABLE owners (
    uid TEXT NOT NULL, resource TEXT NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL,
    PRIMARY KEY (uid, resource, namespace, name)
) WITHOUT ROWID;
CREATE INDEX owners_by_object ON owners (resource, namespace, name);
"""


class Key(NamedTuple):
    """Where an object is kept; the namespace of a cluster-scoped one is empty."""

    resource: str
    namespace: str
    name: str


@dataclass(frozen=True, slots=True)
class Change:
    """One change, as a watch tells it. `previous` is what there was before, None for a creation."""

    version: int
    type: str
    name: str
    body: bytes
    previous: bytes | None

    @property
    def bytes(self) -> int:
        return len(self.body) + len(self.previous or b"")


@dataclass(frozen=True, slots=True)
class Most:
    """How much is read at once: no further change once there are this many of them, or this many bytes."""

    changes: int
    bytes: int


def connect(database: Path) -> sqlite3.Connection:
    """A connection with autocommit; every commit is on the disk before it returns."""
    connection = sqlite3.connect(database, isolation_level=None, check_same_thread=False, timeout=10)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    return connection


def last_version(connection: sqlite3.Connection) -> int:
    """The newest resource version that was ever given, 0 in a new store."""
    row = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'history'").fetchone()
    return int(row[0]) if row else 0


def _whole(key: Key, body: bytes, checksum: int) -> bytes:
    """The body of an object. Raises RequestRefused for one that isn't what was written."""
    if soundness.checksum_of(*key, body) != checksum:
        where = "/".join(filter(None, key))
        raise errors.internal(
            f"the stored object {where} is damaged; stop jumplab-operator, and restore its data directory from a backup"
        )
    return body


class Reader:
    """Reads committed state on a connection of its own. What `snapshot` encloses sees one moment."""

    def __init__(self, database: Path) -> None:
        self._connection = connect(database)

    def close(self) -> None:
        self._connection.close()

    @contextlib.contextmanager
    def snapshot(self) -> Iterator[int]:
        """Everything read inside is of the one resource version that this yields."""
        self._connection.execute("BEGIN")
        try:
            yield last_version(self._connection)
        finally:
            self._connection.execute("COMMIT")

    def get(self, key: Key) -> bytes | None:
        query = "SELECT body, checksum FROM objects WHERE resource = ? AND namespace = ? AND name = ?"
        row = self._connection.execute(query, key).fetchone()
        return _whole(key, *row) if row else None

    def objects_at(
        self, version: int, resource: str, namespace: str, *, after: tuple[str, str] = ("", ""), limit: int = -1
    ) -> list[bytes]:
        """As `objects`, but as they were at an earlier version that the history still reaches."""
        scope, values = (" AND namespace = ?", (namespace,)) if namespace else ("", ())
        query = (
            "SELECT namespace, name, previous, min(version) FROM history"
            f" WHERE resource = ? AND version > ?{scope} AND (namespace, name) > (?, ?) GROUP BY namespace, name"
        )
        changed = {row[:2]: row[2] for row in self._connection.execute(query, (resource, version, *values, *after))}
        enough = limit + len(changed) if limit >= 0 else -1
        query = (
            "SELECT namespace, name, body, checksum FROM objects"
            f" WHERE resource = ?{scope} AND (namespace, name) > (?, ?) ORDER BY namespace, name LIMIT ?"
        )
        now = self._connection.execute(query, (resource, *values, *after, enough))
        then = {row[:2]: _whole(Key(resource, *row[:2]), *row[2:]) for row in now if row[:2] not in changed}
        then |= {row_key: body for row_key, body in changed.items() if body is not None}
        return [then[row_key] for row_key in sorted(then)[: limit if limit >= 0 else None]]

    def count(self, resource: str, namespace: str, after: tuple[str, str]) -> int:
        """How many there are after a place."""
        scope, values = (" AND namespace = ?", (namespace,)) if namespace else ("", ())
        query = f"SELECT count(*) FROM objects WHERE resource = ?{scope} AND (namespace, name) > (?, ?)"
        return int(self._connection.execute(query, (resource, *values, *after)).fetchone()[0])

    def objects(
        self, resource: str, namespace: str, *, after: tuple[str, str] = ("", ""), limit: int = -1
    ) -> list[bytes]:
        """The bodies in order of namespace and name, of all namespaces if it is empty, beginning after one of them."""
        scope, values = (" AND namespace = ?", (namespace,)) if namespace else ("", ())
        query = (
            "SELECT namespace, name, body, checksum FROM objects"
            f" WHERE resource = ?{scope} AND (namespace, name) > (?, ?) ORDER BY namespace, name LIMIT ?"
        )
        rows = self._connection.execute(query, (resource, *values, *after, limit))
        return [_whole(Key(resource, *row[:2]), *row[2:]) for row in rows]

    def owned(self) -> list[Key]:
        """What names an owner."""
        return [Key(*row) for row in self._connection.execute("SELECT DISTINCT resource, namespace, name FROM owners")]

    def compacted(self, resource: str) -> int:
        """The newest change of a resource that the history no longer has; a watch can begin after it."""
        query = "SELECT coalesce(max(version), 0) FROM compacted WHERE resource IN (?, ?)"
        return int(self._connection.execute(query, (resource, ALL_RESOURCES)).fetchone()[0])

    def changes(self, resource: str, namespace: str, after: int, most: Most) -> tuple[list[Change], bool]:
        """The changes of a resource since a version, oldest first, and whether there may be more of them."""
        scope, values = (" AND namespace = ?", (namespace,)) if namespace else ("", ())
        query = (
            "SELECT version, type, name, body, previous FROM history"
            f" WHERE resource = ? AND version > ?{scope} ORDER BY version LIMIT ?"
        )
        found: list[Change] = []
        left = most.bytes
        with contextlib.closing(self._connection.execute(query, (resource, after, *values, most.changes))) as rows:
            for row in rows:
                found.append(Change(*row))
                left -= found[-1].bytes
                if left <= 0:
                    return found, True
        return found, len(found) == most.changes
