"""The layouts of the store's file over time: a new one is made, older ones are brought up to date."""

from __future__ import annotations

import contextlib
import json
import logging
import sqlite3
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from jumplab_operator.errors import DataDirUnusable
from jumplab_operator.standalone.storage import compaction, soundness, store
from jumplab_operator.standalone.storage.newest_version import NewestVersion

log = logging.getLogger(__name__)


def prepare(database: Path, *, is_new: bool) -> None:
    """Make the store of a new data directory, or migrate one of an older layout, keeping a copy beside it.

    is_new: the directory has no store yet, as far as it knows. Raises DataDirUnusable for a file that is no store, or
    a damaged one, or one of a newer layout.
    """
    try:
        if not is_new and not database.stat().st_size:  # SQLite would begin a new store in it
            raise DataDirUnusable(soundness.damaged(database, "it is empty"))
        with contextlib.closing(store.connect(database)) as connection:
            (layout,) = connection.execute("PRAGMA user_version").fetchone()
            if layout == 0 and is_new:
                _run(connection, partial(_make, connection))
            elif layout > store.LAYOUT:
                raise DataDirUnusable(_newer(database, layout))
            elif layout <= 0:
                raise DataDirUnusable(soundness.damaged(database, "it has no tables"))
            else:
                _bring_up_to_date(connection, database, layout)
                soundness.check(connection, database)
                _check_newest(connection, database)
                _mend_history(connection, database)
        database.chmod(0o600)
    except (sqlite3.Error, OSError, ValueError) as error:  # ValueError: what should be JSON, or text, is not
        raise _unusable(database, error) from error


def _unusable(database: Path, error: Exception) -> DataDirUnusable:
    """A sentence for what SQLite met: a damaged file, or one that it can't use now."""
    if isinstance(error, OSError) or (isinstance(error, sqlite3.Error) and error.sqlite_errorcode not in _DAMAGE):
        return DataDirUnusable(
            f"{database} can't be used as the API's store: {error}; free some space and correct its permissions, "
            "restore it from a backup, or use another --data-dir"
        )
    return DataDirUnusable(soundness.damaged(database, error))


_DAMAGE = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR)


def _bring_up_to_date(connection: sqlite3.Connection, database: Path, layout: int) -> None:
    while layout < store.LAYOUT:
        _back_up(connection, database, layout)
        _run(connection, partial(_STEPS[layout], connection))
        layout += 1


def _check_newest(connection: sqlite3.Connection, database: Path) -> None:
    """Raises DataDirUnusable where changes that were written are gone.

    SQLite takes its log up to the first damage, and forgets what comes behind it: the lab would be an older one.
    """
    noted, found = NewestVersion.noted_beside(database), store.last_version(connection)
    if noted is not None and found < noted:
        raise DataDirUnusable(
            f"{database} has lost its last changes: it ends with version {found}, and version {noted} was written; "
            f"restore it from a backup, or remove {NewestVersion.beside(database)} to go on with what is left"
        )


def _mend_history(connection: sqlite3.Connection, database: Path) -> None:
    """Forgets a damaged history, which only watches and further pages of lists read: their clients list again."""
    version = soundness.damaged_change(connection, database)
    if version is None:
        return
    _run(connection, partial(compaction.forget_all, connection, store.last_version(connection)))
    log.warning(
        "%s: version %d in the history of changes is damaged; the history is forgotten, and no object is lost",
        database, version,
    )  # fmt: skip


def _newer(database: Path, layout: int) -> str:
    return (
        f"{database} has layout {layout}, and this version of jumplab-operator reads up to layout {store.LAYOUT}; "
        "upgrade jumplab-operator, or use another --data-dir"
    )


def _run(connection: sqlite3.Connection, change: Callable[[], None]) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        change()
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise


def _back_up(connection: sqlite3.Connection, database: Path, layout: int) -> None:
    copy = database.with_name(f"{database.name}.layout-{layout}")
    copy.unlink(missing_ok=True)
    connection.execute("VACUUM INTO ?", (str(copy),))
    copy.chmod(0o600)


def _make(connection: sqlite3.Connection) -> None:
    _make_tables(connection, store.TABLES)
    connection.execute(f"PRAGMA user_version = {store.LAYOUT}")


def _from_layout_1(connection: sqlite3.Connection) -> None:
    """Owners get a table. Changes get a time and what there was before, which the old ones lack: they are forgotten."""
    connection.execute("INSERT OR REPLACE INTO compacted SELECT resource, max(version) FROM history GROUP BY resource")
    connection.execute("DELETE FROM history")
    connection.execute("ALTER TABLE history ADD COLUMN at INTEGER NOT NULL DEFAULT 0")
    _make_tables(connection, store.TABLES[store.TABLES.index("CREATE TABLE owners") :])
    for resource, namespace, name, body in connection.execute("SELECT * FROM objects").fetchall():
        for owner in json.loads(body)["metadata"].get("ownerReferences", ()):
            row = (str(owner.get("uid")), resource, namespace, name)
            connection.execute("INSERT OR REPLACE INTO owners VALUES (?, ?, ?, ?)", row)
    connection.execute("PRAGMA user_version = 2")


def _from_layout_2(connection: sqlite3.Connection) -> None:
    """Each object gets a checksum."""
    soundness.teach(connection)
    connection.execute("ALTER TABLE objects ADD COLUMN checksum INTEGER NOT NULL DEFAULT 0")
    connection.execute("UPDATE objects SET checksum = checksum_of(resource, namespace, name, body)")
    connection.execute("PRAGMA user_version = 3")


def _from_layout_3(connection: sqlite3.Connection) -> None:
    """Each change of the history gets a checksum."""
    soundness.teach(connection)
    connection.execute("ALTER TABLE history ADD COLUMN checksum INTEGER NOT NULL DEFAULT 0")
    connection.execute(
        "UPDATE history SET checksum = checksum_of_change(version, resource, namespace, name, type, body, previous)"
    )
    connection.execute("PRAGMA user_version = 4")


def _make_tables(connection: sqlite3.Connection, script: str) -> None:
    for statement in filter(str.strip, script.split(";")):
        connection.execute(statement)


_STEPS: Mapping[int, Callable[[sqlite3.Connection], None]] = {
    1: _from_layout_1,
    2: _from_layout_2,
    3: _from_layout_3,
}
