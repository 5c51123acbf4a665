"""Folders for Unix sockets, whose paths have 107 bytes at the most (unix(7)), however long TMPDIR is."""

import os
import tempfile

_LONGEST_PATH_BYTES = 107
_OTHERS = ("/tmp", "/var/tmp", "/dev/shm")  # noqa: S108 - what is made in them has mode 0700 and a random name


def socket_base(further_bytes: int) -> str:
    """The folder to make a socket's own folder in: TMPDIR, or a shorter one where a path in it would be too long.

    further_bytes: how long the path is below it, with the slash. Raises OSError where no folder will do.
    """
    for base in socket_bases():
        if len(os.fsencode(base)) + further_bytes <= _LONGEST_PATH_BYTES and os.access(base, os.W_OK | os.X_OK):
            return base
    raise OSError(
        f"the path of a socket in {tempfile.gettempdir()} would be longer than {_LONGEST_PATH_BYTES} bytes; "
        "set TMPDIR to a shorter one"
    )


def socket_bases() -> tuple[str, ...]:
    """The folders that `socket_base` chooses from, each once."""
    return tuple(dict.fromkeys((tempfile.gettempdir(), *_OTHERS)))
