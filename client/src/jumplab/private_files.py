"""Files and folders that only their owner may read: configurations with tokens, keys, kubeconfigs.

Client, exporter and operator write them, and none of that concerns the wire: so it is here, beside what else all three
use, and not in the transport.
"""

import fcntl
import os
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from jumplab.errors import JumplabError


class NotWritten(JumplabError, OSError):
    """A file or folder could not be written: make room, correct its permissions, or choose another place."""

    exit_status = 2


def private_folder(path: Path) -> None:
    """Makes a folder with mode 0700, or gives one that exists this mode. Raises NotWritten."""
    with _named(path):
        _make_folders(_followed(path))
        path.chmod(0o700)


def write_private(path: Path, content: bytes) -> None:
    """Writes a file as `private_file` does, at once. Raises NotWritten."""
    with private_file(path) as write:
        write(content)


@contextmanager
def private_file(path: Path) -> Iterator[Callable[[bytes], None]]:
    """Makes sure that a file can be written, then writes it: gives what writes, for what can't be had a second time.

    When the context is left without an error, the file has its new content and mode 0600; readers see the old content
    or the new, also after a power cut. Folders that are missing are made, with mode 0700. A symbolic link on the way
    is followed where it is the user's own or root's. Raises NotWritten.
    """
    with _named(path):
        file = _followed(path)
        if file.exists() and not file.is_file():
            raise OSError("it is not a regular file")
        _make_folders(file.parent)
        _remove_leftovers(file)
        scratch, descriptor = _scratch_beside(file)

    def write(content: bytes) -> None:
        with _named(path):
            _write_all(descriptor, content)

    try:
        yield write
        with _named(path):
            os.fsync(descriptor)
            scratch.replace(file)
            _sync_folder(file.parent)
    finally:
        scratch.unlink(missing_ok=True)
        os.close(descriptor)


@contextmanager
def _named(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise NotWritten(f"{path} can't be written: {error.strerror or error}") from error


def _followed(path: Path) -> Path:
    """Where the path leads. Raises PermissionError where a link of another user is on it."""
    path = path.absolute()
    for part in (path, *path.parents):
        with suppress(FileNotFoundError):
            found = part.lstat()
            if stat.S_ISLNK(found.st_mode) and found.st_uid not in (os.geteuid(), 0):
                raise PermissionError(f"{part} is a symbolic link of another user")
    return Path(os.path.realpath(path))


def _make_folders(folder: Path) -> None:
    for missing in reversed([each for each in (folder, *folder.parents) if not each.exists()]):
        missing.mkdir(mode=0o700, exist_ok=True)


def _scratch_beside(file: Path) -> tuple[Path, int]:
    """A new file, and the descriptor that holds its lock."""
    while True:
        descriptor, name = tempfile.mkstemp(prefix=_scratch_prefix(file), dir=file.parent)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        with suppress(FileNotFoundError):  # another writer took it for a leftover
            if os.path.samestat(os.fstat(descriptor), os.stat(name)):
                return Path(name), descriptor
        os.close(descriptor)


def _remove_leftovers(file: Path) -> None:
    """Removes what killed writers have left: a living one holds a lock on its own."""
    for name in os.listdir(file.parent):
        if not name.startswith(_scratch_prefix(file)):
            continue
        with suppress(OSError):
            descriptor = os.open(file.parent / name, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                (file.parent / name).unlink()
            finally:
                os.close(descriptor)


def _scratch_prefix(file: Path) -> str:
    return f".{file.name}.new-"


def _write_all(descriptor: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(descriptor, view) :]


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
