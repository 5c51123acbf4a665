"""The folder in which the files of a lease stand for the NFS server of this host."""

import asyncio
import errno
import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from jumplab_exporter.containment.forks import keep_from_children, release
from jumplab_exporter.drivers.refusals import reason_of

MARK = ".jumplab~"
"""Stands in a folder whose content is ours; the one who serves there holds a lock on it. No served file has a tilde."""
_PIECE_BYTES = 1 << 20
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class NfsFolder:
    """Files for boards in a folder that is exported to them. Boards may write there: no link of theirs is followed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor = -1
        self._mark = -1

    def take(self) -> None:
        """Empties a folder that was ours before. Raises OSError for a folder that has other files, or is in use."""
        with self._sentences(), ExitStack() as stack:
            self._descriptor = os.open(self.path, _FOLDER)
            stack.callback(self._let_go)
            found = sorted(os.listdir(self._descriptor))
            if found and MARK not in found:
                raise OSError(f'it has other files ("{found[0]}"); name an empty folder for the boards alone')
            flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
            self._mark = os.open(MARK, flags, 0o600, dir_fd=self._descriptor)
            keep_from_children(self._mark)
            try:
                fcntl.flock(self._mark, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise OSError("another boot server serves there; give each one a folder of its own") from None
            self._clear()
            stack.pop_all()

    def close(self) -> None:
        """Leaves the folder empty."""
        try:
            self._clear()
        finally:
            self._let_go()

    async def put(self, name: str, content: int) -> None:
        """Puts the whole content of a descriptor there, in the place of a file of this name. Raises OSError."""
        *folders, last = name.split("/")
        with self._sentences(), self._opened_folder(folders) as folder:
            new = f"{MARK}{last}"
            try:
                with _new_file(new, folder) as file:
                    await _copied(content, file)
                os.replace(new, last, src_dir_fd=folder, dst_dir_fd=folder)
            except BaseException:
                with suppress(FileNotFoundError):
                    os.unlink(new, dir_fd=folder)
                raise

    def remove(self, name: str) -> None:
        """Raises OSError; not for a file that is gone."""
        *folders, last = name.split("/")
        with self._sentences(), suppress(FileNotFoundError), self._opened_folder(folders) as folder:
            os.unlink(last, dir_fd=folder)

    @contextmanager
    def _opened_folder(self, names: list[str]) -> Iterator[int]:
        """A descriptor of the folder below ours, made where it is not there."""
        with ExitStack() as stack:
            folder = self._descriptor
            for name in names:
                with suppress(FileExistsError):
                    os.mkdir(name, dir_fd=folder)
                folder = os.open(name, _FOLDER, dir_fd=folder)
                stack.callback(os.close, folder)
                os.fchmod(folder, 0o755)  # whatever the exporter's umask is
            yield folder

    def _clear(self) -> None:
        for name in set(os.listdir(self._descriptor)) - {MARK}:
            try:
                os.unlink(name, dir_fd=self._descriptor)
            except IsADirectoryError:
                shutil.rmtree(name, dir_fd=self._descriptor)

    def _let_go(self) -> None:
        for descriptor in (self._mark, self._descriptor):
            if descriptor >= 0:
                release(descriptor)
                os.close(descriptor)
        self._mark = self._descriptor = -1

    @contextmanager
    def _sentences(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            remedies = {errno.ENOSPC: "; free some space there", errno.ENOENT: "; make it, or correct `nfs_folder`"}
            remedy = remedies.get(error.errno or 0, "")
            raise OSError(f"the folder for NFS, {self.path}, can't be used: {reason_of(error)}{remedy}") from error


@contextmanager
def _new_file(name: str, folder: int) -> Iterator[int]:
    """A descriptor of a file that is not there yet, readable for everybody."""
    with suppress(FileNotFoundError):
        os.unlink(name, dir_fd=folder)
    descriptor = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
    try:
        os.fchmod(descriptor, 0o644)  # whatever the exporter's umask is
        yield descriptor
    finally:
        os.close(descriptor)


async def _copied(source: int, target: int) -> None:
    at = 0
    while count := os.sendfile(target, source, at, _PIECE_BYTES):
        at += count
        await asyncio.sleep(0)
