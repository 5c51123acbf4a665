"""The store's only writer: one thread that takes changes from a queue and commits those that wait together.

A change is answered once it is on the disk. A change that raises leaves nothing behind and doesn't disturb the others
of its commit.
"""

from __future__ import annotations

import asyncio
import json
import logging
import queue
import sqlite3
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from jumplab_operator.standalone.base import errors
from jumplab_operator.standalone.base.kinds import Object
from jumplab_operator.standalone.storage import compaction, soundness, store
from jumplab_operator.standalone.storage.compaction import HistoryLimits, Uncompacted
from jumplab_operator.standalone.storage.newest_version import NewestVersion
from jumplab_operator.standalone.storage.store import Key

T = TypeVar("T")

LIMIT_BYTES = 1536 * 1024
"""How large an object may be, and so a request's body: what etcd takes. To write it as JSON takes 40 ms, in which no
other thread of this process runs."""
_MOST_IN_ONE_COMMIT = 256
_NO_SPACE = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_SHMSIZE)

log = logging.getLogger(__name__)


def encode(value: object) -> bytes:
    """JSON as the store and the wire have it."""
    return json.dumps(value, separators=(",", ":"), sort_keys=True, ensure_ascii=False).encode()


class Written(NamedTuple):
    """One write: where, and the new object (None: removed)."""

    key: Key
    obj: Object | None
    is_new: bool = False
    dependents: Sequence[Key] = ()
    """What named a removed object as its owner."""


class Transaction:
    """What one change may do. Each write takes the next resource version and becomes an entry of the history."""

    def __init__(self, connection: sqlite3.Connection, version: int, at: int) -> None:
        self._connection = connection
        self._at = at
        self.version = version
        self.written: list[Written] = []
        self.noted = 0
        """The bytes that went into the history."""
        self.dry_run = False
        """Set by a change that wants its result without its effect."""

    def get(self, key: Key) -> Object | None:
        body = self._body(key)
        return json.loads(body) if body is not None else None

    def dependents(self, uid: str) -> list[Key]:
        """What names an object of that uid as its owner."""
        query = "SELECT resource, namespace, name FROM owners WHERE uid = ?"
        return [Key(*row) for row in self._connection.execute(query, (uid,))]

    def keys(self, *, resource: str = "", namespace: str = "") -> list[Key]:
        """What exists of a resource, or in a namespace."""
        column, value = ("resource", resource) if resource else ("namespace", namespace)
        query = f"SELECT resource, namespace, name FROM objects WHERE {column} = ?"
        return [Key(*row) for row in self._connection.execute(query, (value,))]

    def oldest(self, resource: str, limit: int) -> list[tuple[Key, Object]]:
        """The objects of a resource whose last write is the longest ago (a write gives a row a new id)."""
        query = "SELECT resource, namespace, name, body FROM objects WHERE resource = ? ORDER BY rowid LIMIT ?"
        return [(Key(*row[:3]), json.loads(row[3])) for row in self._connection.execute(query, (resource, limit))]

    def put(self, key: Key, obj: Object, *, bounded: bool = False) -> Object:
        """Store an object, new or changed, and return it with its resource version (a dry run gives it none).

        bounded: raises a 413 for an object that is too large. A patch adds to what is there, again and again.
        """
        if self.dry_run:
            return obj
        before = self._body(key)
        stored = self._versioned(obj)
        body = encode(stored)
        if bounded and len(body) > LIMIT_BYTES:
            raise errors.object_too_large(LIMIT_BYTES)
        row = (*key, body, soundness.checksum_of(*key, body))
        self._connection.execute("INSERT OR REPLACE INTO objects VALUES (?, ?, ?, ?, ?)", row)
        self._note(key, "ADDED" if before is None else "MODIFIED", body, before)
        self._note_owners(key, stored)
        self.written.append(Written(key, stored, before is None))
        return stored

    def remove(self, key: Key, obj: Object) -> Object:
        """Remove an object, and return its last state with the resource version of the removal."""
        if self.dry_run:
            return obj
        before = self._body(key)
        query = "DELETE FROM objects WHERE resource = ? AND namespace = ? AND name = ?"
        self._connection.execute(query, key)
        last = self._versioned(obj)
        self._note(key, "DELETED", encode(last), before)
        self._note_owners(key, None)
        self.written.append(Written(key, None, dependents=self.dependents(last["metadata"]["uid"])))
        return last

    def _body(self, key: Key) -> bytes | None:
        query = "SELECT body FROM objects WHERE resource = ? AND namespace = ? AND name = ?"
        row = self._connection.execute(query, key).fetchone()
        return row[0] if row else None

    def _versioned(self, obj: Object) -> Object:
        self.version += 1
        return {**obj, "metadata": {**obj["metadata"], "resourceVersion": str(self.version)}}

    def _note(self, key: Key, event: str, body: bytes, previous: bytes | None) -> None:
        self.noted += len(body) + len(previous or b"")
        checksum = soundness.checksum_of_change(self.version, *key, event, body, previous)
        row = (self.version, *key, event, body, previous, self._at, checksum)
        self._connection.execute("INSERT INTO history VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)

    def _note_owners(self, key: Key, obj: Object | None) -> None:
        self._connection.execute("DELETE FROM owners WHERE resource = ? AND namespace = ? AND name = ?", key)
        for uid in {str(owner.get("uid")) for owner in obj["metadata"].get("ownerReferences", ())} if obj else ():
            self._connection.execute("INSERT INTO owners VALUES (?, ?, ?, ?)", (uid, *key))


@dataclass(slots=True)
class _Job:
    change: Callable[[Transaction], Any]
    answer: asyncio.Future[Any] | None
    """None where nobody waits."""
    noted: int = 0
    """The bytes that it added to the history."""
    result: Any = None
    error: BaseException | None = None
    written: list[Written] = field(default_factory=list)


class Writer:
    """Runs changes on its thread, from `start` to `close`.

    `on_commit` is called in the event loop with what was written, before those who wait for it are answered.
    """

    def __init__(
        self,
        database: Path,
        on_commit: Callable[[Written], None],
        limits: HistoryLimits,
        clock: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._on_commit = on_commit
        self._limits = limits
        self._clock = clock
        self._uncompacted = Uncompacted()
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="standalone-writer", daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None

    def start(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._thread.start()

    async def close(self) -> None:
        """Finish what was queued."""
        self._jobs.put(None)
        await asyncio.to_thread(self._thread.join)

    async def run(self, change: Callable[[Transaction], T]) -> T:
        """Run a change; returns its result once it is committed, raises what it raised (and then nothing was written).

        A caller that is cancelled no longer learns the outcome; the change still happens or fails as a whole.
        """
        answer: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._jobs.put(_Job(change, answer))
        return await answer

    def post(self, change: Callable[[Transaction], None]) -> None:
        """Run a change for which nobody waits; where it fails, the log says so."""
        self._jobs.put(_Job(change, None))

    def _work(self) -> None:
        connection, newest = store.connect(self._database), NewestVersion(self._database)
        version = store.last_version(connection)
        try:
            while jobs := self._waiting_jobs():
                before, version = version, self._commit(connection, jobs, version)
                if version != before:
                    newest.note(version)
                now = self._clock()
                if self._uncompacted.is_enough(self._limits, now):
                    self._uncompacted = Uncompacted()
                    compaction.compact(connection, version, self._limits, now)
        finally:
            newest.close()
            connection.close()

    def _waiting_jobs(self) -> list[_Job]:
        """The next job and what else waits by now; none once closed."""
        first = self._jobs.get()
        if first is None:
            return []
        jobs = [first]
        while len(jobs) < _MOST_IN_ONE_COMMIT:
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                break
            if job is None:
                self._jobs.put(None)
                break
            jobs.append(job)
        return jobs

    def _commit(self, connection: sqlite3.Connection, jobs: list[_Job], version: int) -> int:
        before, now = version, self._clock()
        try:
            connection.execute("BEGIN IMMEDIATE")
            for job in jobs:
                version = _attempt(connection, job, version, int(now.timestamp()))
            connection.execute("COMMIT")
            self._uncompacted.add(version - before, sum(job.noted for job in jobs), now)
        except sqlite3.Error as error:
            version = before
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            refusal = _refusal(error)
            for job in jobs:
                job.error, job.written = refusal, []
        self._notify_waiters(jobs)
        return version

    def _notify_waiters(self, jobs: Iterable[_Job]) -> None:
        assert self._loop is not None
        try:
            self._loop.call_soon_threadsafe(self._answer, list(jobs))
        except RuntimeError:
            return  # the loop has ended; nobody waits

    def _answer(self, jobs: Iterable[_Job]) -> None:
        for job in jobs:
            for written in job.written:
                self._on_commit(written)
            if job.answer is None:
                if job.error is not None:
                    log.error("a change that follows from another failed, the next start tries again: %s", job.error)
                continue
            if job.answer.done():
                continue
            if job.error is not None:
                job.answer.set_exception(job.error)
            else:
                job.answer.set_result(job.result)


def _refusal(error: sqlite3.Error) -> errors.RequestRefused:
    if error.sqlite_errorcode in _NO_SPACE:
        return errors.no_space(str(error))
    return errors.internal(f"the store refused the write and nothing was changed: {error}")


def _attempt(connection: sqlite3.Connection, job: _Job, version: int, at: int) -> int:
    """Run one job inside the open transaction; returns the newest version taken."""
    connection.execute("SAVEPOINT job")
    transaction = Transaction(connection, version, at)
    try:
        job.result = job.change(transaction)
    except sqlite3.Error:
        raise
    except Exception as error:  # noqa: BLE001 -- handed to the one who waits for this change
        job.error = error
        connection.execute("ROLLBACK TO job")
    else:
        if transaction.dry_run:
            connection.execute("ROLLBACK TO job")
        else:
            job.written, job.noted = transaction.written, transaction.noted
            version = transaction.version
    connection.execute("RELEASE job")
    return version
