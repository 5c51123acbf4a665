"""Unix sockets of this machine that only its user can reach."""

import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PATH_BYTES = 107
"""The longest path of a Unix socket: 108 bytes with the zero behind it (unix(7))."""
_PRIVATE = 0o700


def require_socket_path(path: str) -> None:
    """Raises ValueError for what can't be the path of a Unix socket."""
    if not path or "\0" in path:
        raise ValueError(f'"{path}" is no path of a Unix socket')
    if (length := len(os.fsencode(path))) > PATH_BYTES:
        raise ValueError(f"{path} has {length} bytes, and a Unix socket's path has {PATH_BYTES} at most; shorten it")


@contextmanager
def private_socket(path: str | os.PathLike[str] | None) -> Iterator[Path]:
    """A path for a Unix socket, in a folder of mode 0700; what is made here is removed again.

    path: where it is to be, in a folder that is made, or that is the user's alone; None: in a new folder. Raises
    ValueError for a path that is too long, PermissionError for a folder that others can enter, FileExistsError where
    something is there already.
    """
    if path is None:
        with tempfile.TemporaryDirectory(prefix="jumplab-") as folder:
            yield _checked(Path(folder, "socket"))
        return
    place = _checked(Path(os.path.abspath(path)))
    with _private_folder(place.parent):
        if os.path.lexists(place):
            raise FileExistsError(f"{place} exists; remove it where nobody uses it, or choose another path")
        yield place


def _checked(place: Path) -> Path:
    require_socket_path(str(place))
    return place


@contextmanager
def _private_folder(folder: Path) -> Iterator[None]:
    made = not folder.exists()
    if made:
        folder.mkdir(mode=_PRIVATE)
    told = folder.stat()
    if told.st_uid != os.getuid() or stat.S_IMODE(told.st_mode) & 0o077:
        raise PermissionError(
            f"others can enter {folder}, and so use the socket; name one in a folder of mode 0700, or in a new folder"
        )
    try:
        yield
    finally:
        if made:
            folder.rmdir()
