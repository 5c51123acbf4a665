"""How much of the history is kept, and forgetting the rest: a watch from a forgotten version ends in a 410.

Forgetting runs in the writer's thread, between two commits, and only once enough was written to be worth its while.
"""

from __future__ import annotations

import logging
import sqlite3
from dataclasses import dataclass
from datetime import datetime, timedelta

from jumplab_operator.standalone.storage import store

_MOST_UNCOMPACTED = 2000
_LONG_ENOUGH = """
SELECT max(version) FROM (
    SELECT version, at, sum(length(body) + coalesce(length(previous), 0)) OVER (ORDER BY version DESC) AS bytes
    FROM history
) WHERE version <= ? OR at < ? OR bytes > ?
"""
_NOTE_COMPACTED = """
INSERT OR REPLACE INTO compacted
SELECT resource, max(version) FROM history WHERE version <= ? GROUP BY resource
"""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class HistoryLimits:
    """How much of the history is kept: what is beyond any of the bounds is forgotten."""

    changes: int = 20_000
    age: timedelta = timedelta(hours=1)
    bytes: int = 256 * 1024 * 1024


@dataclass(slots=True)
class Uncompacted:
    """What was written since the history was last shortened."""

    changes: int = 0
    bytes: int = 0
    since: datetime | None = None

    def add(self, changes: int, noted: int, now: datetime) -> None:
        """Count a commit of so many changes, which added so many bytes to the history."""
        self.changes += changes
        self.bytes += noted
        self.since = self.since or (now if changes else None)

    def is_enough(self, limits: HistoryLimits, now: datetime) -> bool:
        """Whether shortening the history is worth its while."""
        many = self.changes > min(limits.changes // 10, _MOST_UNCOMPACTED)
        large = self.bytes > limits.bytes // 10
        aged = self.since is not None and now - self.since > limits.age / 10
        return many or large or aged


def forget_all(connection: sqlite3.Connection, version: int) -> None:
    """Forget the history of all resources up to a version, whatever it says; in the caller's transaction."""
    connection.execute("INSERT OR REPLACE INTO compacted VALUES (?, ?)", (store.ALL_RESOURCES, version))
    connection.execute("DELETE FROM history")


def compact(connection: sqlite3.Connection, version: int, limits: HistoryLimits, now: datetime) -> None:
    """Forget what is beyond the bounds, of a history that ends with that version; a failure changes nothing."""
    bounds = (version - limits.changes, int((now - limits.age).timestamp()), limits.bytes)
    try:
        connection.execute("BEGIN IMMEDIATE")
        newest_forgotten = connection.execute(_LONG_ENOUGH, bounds).fetchone()[0] or 0
        connection.execute(_NOTE_COMPACTED, (newest_forgotten,))
        connection.execute("DELETE FROM history WHERE version <= ?", (newest_forgotten,))
        connection.execute("COMMIT")
    except sqlite3.Error as error:
        log.warning("the history of changes could not be shortened, the next round tries again: %s", error)
        if connection.in_transaction:
            connection.execute("ROLLBACK")
