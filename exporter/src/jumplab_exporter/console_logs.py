"""What consoles have said, kept on the exporter after the lease: a folder for each lease, a file for each console.

    FOLDER/UID_NAME/board.console.log

The names are the lease's and the driver's path, with what a file name can't have as %XX. Only the exporter's user can
read them. Nothing here knows of drivers, sessions or the event loop.
"""

import os
import shutil
import stat
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote, unquote

from jumplab.protocol.durations import format_duration
from jumplab.protocol.sizes import format_size
from jumplab.system_errors import system_sentence

_SUFFIX = ".log"
_LOOKS = 64
"""So often the folder is held against its limit while one lease fills it."""


@dataclass(frozen=True, slots=True)
class LeaseLogs:
    """The logs of one lease.  said_at: when a console of it said something last;  size_bytes: of all of them."""

    uid: str
    name: str
    folder: Path
    said_at: float
    size_bytes: int

    @property
    def consoles(self) -> list[str]:
        """The consoles that have said something, by their path in the driver tree."""
        return sorted(unquote(file.name.removesuffix(_SUFFIX)) for file in self.folder.glob(f"*{_SUFFIX}"))

    def size_of(self, console: str) -> int:
        """How many bytes a console has said. Raises FileNotFoundError."""
        return (self.folder / _file_name(console)).stat().st_size

    def open(self, console: str) -> BinaryIO:
        """A console's log from its first byte on. Raises FileNotFoundError."""
        return (self.folder / _file_name(console)).open("rb")


class ConsoleLogs:
    """The folder of one exporter.

    keep: how long a lease's logs are kept after its last byte.  size_bytes: how much all of them may have; the lease
    that has been silent for longest goes first.  now: the time of day.
    failing: whether the disk did not take the last bytes, which is told once, not in each lease.
    """

    def __init__(self, folder: Path, *, keep: timedelta, size_bytes: int, now: Callable[[], datetime]) -> None:
        self._folder = folder
        self._keep = keep
        self._size_bytes = size_bytes
        self._now = now
        self.failing = False

    @property
    def limits(self) -> str:
        """What is kept, in the words of the configuration file."""
        return f"keep: {format_duration(self._keep)}, size: {format_size(self._size_bytes)}"

    def leases(self) -> list[LeaseLogs]:
        """Those whose consoles have said something, the one that has been silent for longest first. Raises OSError."""
        if not self._folder.is_dir():
            return []
        found = [logs for folder in self._folder.iterdir() if (logs := _lease_logs(folder)) is not None]
        return sorted(found, key=lambda logs: logs.said_at)

    def lease(self, uid_or_name: str) -> LeaseLogs | None:
        """A lease's logs; of several that had one name, the last one's. Raises OSError."""
        return next((logs for logs in reversed(self.leases()) if uid_or_name in (logs.uid, logs.name)), None)

    def lease_with_uid(self, uid: str) -> LeaseLogs | None:
        """The logs of exactly this lease: another that has the uid for its name is none. Raises OSError."""
        return next((logs for logs in self.leases() if logs.uid == uid), None)

    def prune(self, *, current: str = "") -> int:
        """Removes what is too old or too much: how many bytes are left.  current: the uid of a lease that stays.

        Raises OSError.
        """
        left = self.leases()
        oldest = self._now().timestamp() - self._keep.total_seconds()
        total = sum(logs.size_bytes for logs in left)
        for logs in left:
            if logs.uid != current and (logs.said_at < oldest or total > self._size_bytes):
                shutil.rmtree(logs.folder)
                total -= logs.size_bytes
        return total

    def recording(self, uid: str, name: str, warn: Callable[[str], None]) -> "Recording":
        """The log of a lease that begins, or goes on.  warn: hears a sentence when something can't be kept."""
        return Recording(self, self._folder / f"{_quoted(uid)}_{_quoted(name)}", uid, warn, self._size_bytes // _LOOKS)

    def is_full(self, *, current: str) -> bool:
        """Whether one lease alone has more than all may have; the others are gone then. Raises OSError."""
        return self.prune(current=current) > self._size_bytes

    def make(self, folder: Path) -> None:
        """Makes a lease's folder, for this user alone. Raises OSError."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        own = self._folder.lstat()
        if not stat.S_ISDIR(own.st_mode) or own.st_uid != os.geteuid():
            raise PermissionError(f"{self._folder} is not a folder of this user's own")
        self._folder.chmod(0o700)
        folder.mkdir(mode=0o700, exist_ok=True)


class Recording:
    """The logs of one lease while it lasts. A disk that takes nothing costs the log, never the console."""

    def __init__(self, logs: ConsoleLogs, folder: Path, uid: str, warn: Callable[[str], None], look_bytes: int) -> None:
        self._logs = logs
        self._folder = folder
        self._uid = uid
        self._warn = warn
        self._files: dict[str, int] = {}
        self._look_bytes = look_bytes
        self._since_look = look_bytes
        self._full = False

    def append(self, console: str, data: bytes) -> None:
        """Takes what a console has said. Blocks for as long as the operating system takes to copy it."""
        if self._full:
            return
        try:
            self._look(len(data))
            if not self._full:
                _write_all(self._descriptor(console), data)
        except OSError as error:
            if not self._logs.failing:
                self._warn(f"the log of what the consoles say has gaps: {system_sentence(error)}")
            self._logs.failing = True
        else:
            self._logs.failing = False

    def close(self) -> None:
        """Nothing more is said."""
        for descriptor in self._files.values():
            os.close(descriptor)
        self._files.clear()

    def _look(self, more_bytes: int) -> None:
        self._since_look += more_bytes
        if self._since_look < self._look_bytes:
            return
        self._since_look = 0
        if self._logs.is_full(current=self._uid):
            self._full = True
            self._warn("this lease's consoles have filled the room for console logs; the log ends here")

    def _descriptor(self, console: str) -> int:
        if console not in self._files:
            self._logs.make(self._folder)
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
            self._files[console] = os.open(self._folder / _file_name(console), flags, 0o600)
        return self._files[console]


def _lease_logs(folder: Path) -> LeaseLogs | None:
    uid, separator, name = folder.name.partition("_")
    files = []
    with suppress(OSError):  # somebody removes it just now
        files = [file.stat() for file in folder.glob(f"*{_SUFFIX}")]
        if not files and separator:
            files = [folder.stat()]
    if not separator or not files:
        return None
    said_at = max(status.st_mtime for status in files)
    size_bytes = sum(status.st_size for status in files)
    return LeaseLogs(unquote(uid), unquote(name), folder, said_at, size_bytes)


def _file_name(console: str) -> str:
    return f"{_quoted(console)}{_SUFFIX}"


def _quoted(name: str) -> str:
    """A name as a part of a file's name, without separators."""
    return quote(name, safe="").replace("_", "%5F")


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
