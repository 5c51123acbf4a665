"""One process for each configuration file.

The file is locked, and so is its path: an editor that saves a file anew puts another one, without a lock, in its place.
"""

import errno
import fcntl
import hashlib
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from jumplab_exporter.containment.forks import keep_from_children, release
from jumplab_exporter.errors import AlreadyRunning


@contextmanager
def only_process(configuration: Path) -> Iterator[None]:
    """Holds a configuration file for this process; the kernel lets go of it however the process ends.

    Raises AlreadyRunning where another process holds it: that one goes on undisturbed.
    """
    with ExitStack() as stack:
        try:
            stack.enter_context(_locked_file(configuration))
            if sys.platform == "linux":  # abstract sockets are Linux's
                # In this order in each process: of two that start at once, one gets all.
                for folder, name in sorted(_places(configuration)):
                    stack.enter_context(_locked_place(folder, name))
        except BlockingIOError as error:
            raise AlreadyRunning(
                f"{configuration}: another jumplab-exporter runs with this configuration; stop it first"
            ) from error
        yield


@contextmanager
def _locked_file(path: Path) -> Iterator[None]:
    """Raises BlockingIOError where another process has locked it."""
    with _kept(os.open(path, os.O_RDONLY | os.O_CLOEXEC)) as descriptor:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield


def _places(configuration: Path) -> set[tuple[Path, str]]:
    """The folder and the name by which the file is found, and those of the file itself, where that is a symlink."""
    resolved = configuration.resolve()
    return {(configuration.parent.resolve(), configuration.name), (resolved.parent, resolved.name)}


@contextmanager
def _locked_place(folder: Path, name: str) -> Iterator[None]:
    """Raises BlockingIOError where another process has locked it.

    The lock is the name of an abstract socket (unix(7)): it leaves nothing in any folder. The name has the folder's
    number in place of its path, since containers that share a network have other files at the same paths. The folder
    stays open, so that no other gets its number.
    """
    with (
        _kept(os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)) as descriptor,
        _kept(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).detach()) as lock,
    ):
        status = os.fstat(descriptor)
        key = hashlib.sha256(b"%d:%d/%s" % (status.st_dev, status.st_ino, os.fsencode(name))).hexdigest()
        _bind(lock, f"\0jumplab-exporter/{key}")
        yield


def _bind(descriptor: int, address: str) -> None:
    """Raises BlockingIOError where another process has this address."""
    bound = socket.socket(fileno=descriptor)
    try:
        bound.bind(address)
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        raise BlockingIOError(errno.EWOULDBLOCK, "another process has bound it") from error
    finally:
        bound.detach()


@contextmanager
def _kept(descriptor: int) -> Iterator[int]:
    """Open here, and in no child."""
    keep_from_children(descriptor)
    try:
        yield descriptor
    finally:
        release(descriptor)
        os.close(descriptor)
