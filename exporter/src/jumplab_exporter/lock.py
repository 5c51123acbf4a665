"""One process for each configuration file."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from jumplab_exporter.containment.forks import keep_from_children, release
from jumplab_exporter.errors import AlreadyRunning


@contextmanager
def only_process(configuration: Path) -> Iterator[None]:
    """Holds a configuration file for this process; the kernel lets go of it however the process ends.

    Raises AlreadyRunning where another process holds it: that one goes on undisturbed.
    """
    descriptor = os.open(configuration, os.O_RDONLY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise AlreadyRunning(
                f"{configuration}: another jumplab-exporter runs with this configuration; stop it first"
            ) from error
        keep_from_children(descriptor)
        yield
    finally:
        release(descriptor)
        os.close(descriptor)
