"""Whether the store's file is whole: SQLite's own check, and the checksum of each object.

The check of a start takes a bounded time. A store that is larger than that time allows is checked in part.
"""

from __future__ import annotations

import contextlib
import logging
import sqlite3
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

from jumplab_operator.errors import DataDirUnusable

LONGEST_SECONDS = 5.0
_STEPS_BETWEEN_LOOKS = 100_000
_STRUCTURE = "PRAGMA integrity_check(1)"
_CHANGED = """
SELECT resource, namespace, name FROM objects WHERE checksum != checksum_of(resource, namespace, name, body) LIMIT 1
"""
_CHANGED_HISTORY = """
SELECT version FROM history
WHERE checksum != checksum_of_change(version, resource, namespace, name, type, body, previous) LIMIT 1
"""

log = logging.getLogger(__name__)


def checksum_of(resource: str, namespace: str, name: str, body: bytes) -> int:
    """The checksum of an object as it is stored."""
    return zlib.crc32(body, zlib.crc32("\0".join((resource, namespace, name)).encode()))


def checksum_of_change(
    version: int, resource: str, namespace: str, name: str, event: str, *bodies: bytes | None
) -> int:
    """The checksum of a change as the history has it. bodies: the new one and the one before."""
    checksum = zlib.crc32("\0".join((str(version), resource, namespace, name, event)).encode())
    for body in bodies:
        checksum = zlib.crc32(body or b"", checksum)
    return checksum


def teach(connection: sqlite3.Connection) -> None:
    """Let SQL on this connection use `checksum_of` and `checksum_of_change`."""
    connection.create_function("checksum_of", 4, checksum_of, deterministic=True)
    connection.create_function("checksum_of_change", 7, checksum_of_change, deterministic=True)


def check(connection: sqlite3.Connection, database: Path, longest_seconds: float = LONGEST_SECONDS) -> None:
    """Raises DataDirUnusable, or sqlite3.DatabaseError, for a file that was changed or cut by anything but SQLite."""
    teach(connection)
    with _bounded(connection, database, longest_seconds):
        (found,) = connection.execute(_STRUCTURE).fetchone()
        if found != "ok":
            raise DataDirUnusable(damaged(database, found))
        if changed := connection.execute(_CHANGED).fetchone():
            where = "/".join(filter(None, changed))
            raise DataDirUnusable(damaged(database, f"the stored object {where} was changed"))


def damaged_change(
    connection: sqlite3.Connection, database: Path, longest_seconds: float = LONGEST_SECONDS
) -> int | None:
    """The version of a change in the history that is not what was written; None where there is none."""
    teach(connection)
    with _bounded(connection, database, longest_seconds):
        if found := connection.execute(_CHANGED_HISTORY).fetchone():
            return int(found[0])
    return None


def damaged(database: Path, what: object) -> str:
    """The sentence for a store that can't be used."""
    return f"{database} is damaged ({what}); restore it from a backup, or use another --data-dir for a new lab"


@contextlib.contextmanager
def _bounded(connection: sqlite3.Connection, database: Path, longest_seconds: float) -> Iterator[None]:
    end = time.monotonic() + longest_seconds
    connection.set_progress_handler(lambda: time.monotonic() > end, _STEPS_BETWEEN_LOOKS)
    try:
        yield
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_INTERRUPT:
            raise
        log.info("%s is large: it was checked for %g seconds, and not to its end", database, longest_seconds)
    finally:
        connection.set_progress_handler(None, 0)
