"""A setting that is read from files, which may be replaced while a program runs."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Generic, TypeVar

T = TypeVar("T")


class FollowedSetting(Generic[T]):
    """A setting, read again whenever one of its files has changed.

    first: as it was read first.  read: as it is in the files; None where they can't be used, which changes nothing.
    files: those that it depends on, by now.
    """

    def __init__(self, first: T, read: Callable[[], T | None], files: Callable[[], Sequence[Path]]) -> None:
        self._value = first
        self._read = read
        self._files_of_now = files
        self._files = files()
        self._seen = [_state_of(file) for file in self._files]

    def now(self) -> T:
        """The setting of now: a look at the files' times where nothing has changed."""
        state = [_state_of(file) for file in self._files]
        if state != self._seen:
            self._seen = state
            read = self._read()
            self._value = read if read is not None else self._value
            self._files = self._files_of_now()
        return self._value


def _state_of(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ino, found.st_size
