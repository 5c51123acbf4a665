"""A copy of a data directory, from which a control plane starts; made while one runs, too.

The database is copied as of one moment, by SQLite. The other files don't change while a control plane runs, but for a
rotation of the authority: its file is copied first, since it overrules those that its end replaces. What each start
makes again is left out. The copy gets its name once it is complete.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import sqlite3
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from jumplab.private_files import NotWritten, private_file, private_folder, write_private
from jumplab_operator.authority import ROTATION
from jumplab_operator.errors import DataDirUnusable
from jumplab_operator.standalone.storage import soundness
from jumplab_operator.standalone.storage.contents import DATABASE, contents_of

ARCHIVE = ".tar"
_LEFT_OUT = re.compile(r"lock|reserve|newest-version|kubeconfig|api\.sqlite3.*|\..*\.new-.*|tls-.*")


def back_up(data_dir: Path, target: Path) -> None:
    """Copies a data directory into a folder that is new or empty, or into a file whose name ends with `.tar`.

    Only their owner can read the copies. Raises DataDirUnusable where there is nothing to copy, or it is damaged;
    NotWritten where the target can't be written, and then nothing of it is left.
    """
    source, target = data_dir.resolve(), target.absolute()
    if not (source / DATABASE).is_file() or not contents_of(source).made:
        raise DataDirUnusable(f"{source} is no data directory of jumplab-operator; name one with --data-dir")
    if target.resolve().is_relative_to(source):
        raise NotWritten(f"{target} is inside the data directory; choose another place")
    is_archive = target.suffix == ARCHIVE
    if not is_archive and target.exists() and not (target.is_dir() and not any(target.iterdir())):
        raise NotWritten(f"{target} exists and is not an empty folder; choose another name")
    with _scratch_beside(target) as scratch:
        _copy_files(source, scratch)
        _copy_database(source / DATABASE, scratch / DATABASE)
        if is_archive:
            with private_file(target) as write:
                _archive(scratch, write)
        else:
            scratch.replace(target)


@contextlib.contextmanager
def _scratch_beside(target: Path) -> Iterator[Path]:
    """A folder that becomes the target, or goes."""
    try:
        if not target.parent.exists():
            private_folder(target.parent)
        scratch = Path(tempfile.mkdtemp(prefix=f".{target.name}.new-", dir=target.parent))
        try:
            yield scratch
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    except NotWritten:
        raise
    except OSError as error:
        raise NotWritten(f"the backup {target} can't be written: {error.strerror or error}") from error


def _copy_files(source: Path, scratch: Path) -> None:
    for file in sorted(source.iterdir(), key=lambda file: file.name != ROTATION):
        if file.is_file() and not _LEFT_OUT.fullmatch(file.name):
            write_private(scratch / file.name, file.read_bytes())


def _copy_database(database: Path, copy: Path) -> None:
    try:
        with contextlib.closing(sqlite3.connect(database, timeout=10)) as connection:
            connection.execute("VACUUM INTO ?", (str(copy),))
        with contextlib.closing(sqlite3.connect(copy)) as connection:
            soundness.check(connection, database)
    except sqlite3.Error as error:
        if error.sqlite_errorcode in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            raise DataDirUnusable(soundness.damaged(database, error)) from error
        raise NotWritten(f"{database} can't be copied: {error}; free some space, or choose another place") from error
    copy.chmod(0o600)
    _to_disk(copy)


def _to_disk(file: Path) -> None:
    descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class _Sink:
    """What tarfile writes to."""

    def __init__(self, write: Callable[[bytes], None]) -> None:
        self._write = write

    def write(self, content: bytes) -> int:
        self._write(content)
        return len(content)


def _archive(folder: Path, write: Callable[[bytes], None]) -> None:
    with tarfile.open(fileobj=_Sink(write), mode="w|") as archive:  # type: ignore[call-overload]  # only writes
        for file in sorted(folder.iterdir()):
            archive.add(file, arcname=file.name)
