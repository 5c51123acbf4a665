"""A folder of this process alone, in TMPDIR, or where that is too long for a socket's path, in /tmp.

It goes with the process, or, where that was killed, with the next exporter's start: a living one holds its folder, and
the kernel lets go of it however the process ends.
"""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from jumplab.socket_folders import socket_base, socket_bases
from jumplab_exporter.containment.forks import keep_from_children, release

_PREFIX = "jumplab-exporter-"
_FURTHER_BYTES = len(f"/{_PREFIX}12345678/hook/session.sock")


@contextmanager
def own_folder() -> Iterator[Path]:
    """The folder, with mode 0700, while the context lasts; those that nobody holds any more go now. Raises OSError."""
    base = Path(socket_base(_FURTHER_BYTES))
    for left in base.glob(f"{_PREFIX}*"):
        _remove_unless_locked(left)
    folder, descriptor = _locked_folder(base)
    keep_from_children(descriptor)
    try:
        yield folder
    finally:
        release(descriptor)
        shutil.rmtree(folder, ignore_errors=True)
        os.close(descriptor)


def own_folders() -> Iterator[Path]:
    """The folders of exporters on this machine, wherever they may lie; those of killed ones and of others, too."""
    for base in socket_bases():
        yield from sorted(Path(base).glob(f"{_PREFIX}*"))


def _locked_folder(base: Path) -> tuple[Path, int]:
    """A new folder, and the descriptor that holds it. One that another exporter has taken for left is made anew."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=base))
        with suppress(FileNotFoundError), ExitStack() as stack:
            descriptor = _descriptor(folder)
            stack.callback(os.close, descriptor)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if os.path.samestat(os.fstat(descriptor), folder.stat()):
                stack.pop_all()
                return folder, descriptor


def _remove_unless_locked(folder: Path) -> None:
    """Removes what a killed exporter of this user has left."""
    with suppress(OSError):
        descriptor = _descriptor(folder)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(descriptor).st_uid == os.geteuid():
                shutil.rmtree(folder)
        finally:
            os.close(descriptor)


def _descriptor(folder: Path) -> int:
    return os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
