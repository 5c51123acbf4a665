"""Audit logs: records as lines of JSON, in files of bounded size that only their owner may read.

The controller and the exporter have one each. Adding a record never waits: a thread writes it half a second later. A
disk that is full or fails stops nobody: records wait in memory. Those beyond `_WAITING` are counted, and the record
`lost` has their number.
"""

import errno
import json
import logging
import os
import stat
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import Self

from jumplab.private_files import NotWritten

FILES = 8
"""How many files there are at the most: FILE, and FILE.1 to FILE.7, which are older."""
DEFAULT_BYTES = 256 << 20
FEWEST_BYTES = 64 << 10
STANDARD_OUTPUT = Path("-")

_COLLECTING_SECONDS = 0.5
_RETRY_SECONDS = 5.0
_CLOSING_BOUND_SECONDS = 2.0
_WAITING = 20_000
_AT_ONCE = 500
# A disk may be full today and have room tomorrow. Anything else about a file's place is a mistake of its name.
_OF_THE_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS}

_log = logging.getLogger(__name__)
_encode = json.JSONEncoder(separators=(",", ":")).encode


@dataclass(slots=True)
class _Output:
    """The file that is written to. descriptor: None while it is not open.  size_bytes: of a regular file alone."""

    path: Path
    limit_bytes: int
    descriptor: int | None = None
    size_bytes: int = 0
    is_regular: bool = False
    at_line_start: bool = True

    def write(self, lines: bytes) -> int:
        """Writes some of it, at least a byte: how many. Raises OSError."""
        if self.path == STANDARD_OUTPUT:
            return os.write(1, lines)
        if self.descriptor is not None and self._is_replaced():
            self.close()
        if self.descriptor is None:
            self.open()
        fitting = self._fitting(lines) if self.is_regular else lines
        assert self.descriptor is not None
        written = os.write(self.descriptor, fitting)
        if self.is_regular and written < len(fitting):
            written = self._whole_lines(fitting, written)
        self.size_bytes += written
        self.at_line_start = lines[written - 1 : written] == b"\n"
        return written

    def _whole_lines(self, lines: bytes, written: int) -> int:
        """Takes back the part of a line that a full disk has taken: how much is left. Raises OSError for nothing."""
        assert self.descriptor is not None
        whole = lines.rfind(b"\n", 0, written) + 1
        try:
            os.ftruncate(self.descriptor, os.fstat(self.descriptor).st_size - (written - whole))
        except OSError:
            return written  # a file that can only grow (chattr +a): the next line begins behind the torn one
        if not whole:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return whole

    def open(self) -> None:
        """Raises OSError."""
        if self.path == STANDARD_OUTPUT:
            return
        # Not blocking: else a pipe that nobody reads would keep the program from its start.
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOCTTY | os.O_NONBLOCK
        self.descriptor = os.open(self.path, flags, 0o600)
        found = os.fstat(self.descriptor)
        self.is_regular = stat.S_ISREG(found.st_mode)
        self.size_bytes = found.st_size if self.is_regular else 0
        if self.is_regular:
            self._end_torn_line()

    def _end_torn_line(self) -> None:
        """Ends a line that a process wrote in part before it was killed, or its disk was full. Raises OSError."""
        assert self.descriptor is not None
        with self.path.open("rb") as file:
            file.seek(max(0, self.size_bytes - 1))
            if file.read() not in (b"", b"\n"):
                self.size_bytes += os.write(self.descriptor, b"\n")
        self.at_line_start = True

    def close(self) -> None:
        if self.descriptor is not None:
            os.close(self.descriptor)
            self.descriptor = None

    def _is_replaced(self) -> bool:
        """Whether somebody has moved the file away, or removed it."""
        assert self.descriptor is not None
        try:
            there, ours = os.stat(self.path), os.fstat(self.descriptor)
        except FileNotFoundError:
            return True
        return (there.st_dev, there.st_ino) != (ours.st_dev, ours.st_ino)

    def _fitting(self, lines: bytes) -> bytes:
        """The lines that the file has room for, at least one; a full file makes way for a new one. Raises OSError."""
        end = lines.rfind(b"\n", 0, max(0, self.limit_bytes - self.size_bytes)) + 1
        if not end and self.size_bytes and self.at_line_start:
            self._rotate()
            end = lines.rfind(b"\n", 0, self.limit_bytes) + 1
        return lines[: end or lines.find(b"\n") + 1]

    def _rotate(self) -> None:
        """Raises OSError."""
        names = [self.path, *(self.path.with_name(f"{self.path.name}.{number}") for number in range(1, FILES))]
        for newer, older in reversed(list(pairwise(names))):
            with suppress(FileNotFoundError):
                os.replace(newer, older)
        self.close()
        self.open()


_Record = tuple[float, str, Mapping[str, object]]
"""The time of an event, its name and its fields."""


@dataclass(slots=True)
class _Waiting:
    """Records that are not written yet. lines: encoded ones, some of the first perhaps written already."""

    records: deque[_Record] = field(default_factory=deque)
    lines: bytes = b""
    lost: int = 0
    told: int = 0

    def __bool__(self) -> bool:
        return bool(self.records or self.lines or self.lost > self.told)


class AuditLog:
    """Adds records to one log. Use as `with`; leaving it writes what is left, for two seconds at the most.

    file: `-` is standard output.  name: of the log, in each record.  size_bytes: of all its files together.

    Raises NotWritten, when it is entered, if the file can't be there at all.
    """

    def __init__(self, file: Path, name: str, size_bytes: int = DEFAULT_BYTES) -> None:
        self._name = name
        self._output = _Output(file, max(1, size_bytes // FILES))
        self._waiting = _Waiting()
        self._some = threading.Event()
        self._closing = threading.Event()
        self._failing = False
        self._thread = threading.Thread(target=self._run, name=f"audit log {file}", daemon=True)

    @property
    def lost(self) -> int:
        """How many records were dropped, since the file could not be written for long."""
        return self._waiting.lost

    def __enter__(self) -> Self:
        try:
            self._output.open()
        except OSError as error:
            if error.errno not in _OF_THE_DISK:
                raise NotWritten(
                    f"the audit log {self._output.path} can't be written: {error.strerror}; correct its name, or the "
                    "permissions of its folder"
                ) from error
            self._tell_failure(error)
        self._thread.start()
        self.add("started", process=os.getpid())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.add("stopped", process=os.getpid())
        self._closing.set()
        self._some.set()
        self._thread.join(_CLOSING_BOUND_SECONDS)
        if self._thread.is_alive() or self._waiting:
            left = len(self._waiting.records) + self._waiting.lines.count(b"\n")
            _log.warning("the last %d records of the audit log %s were not written", left, self._output.path)

    def add(self, event: str, /, **fields: object) -> None:
        """Adds a record. Never waits, never raises. Fields that are None or empty are left out."""
        if len(self._waiting.records) >= _WAITING:
            self._waiting.lost += 1
            return
        self._waiting.records.append((time.time(), event, fields))
        if not self._some.is_set():
            self._some.set()

    def _run(self) -> None:
        while not self._closing.is_set():
            self._some.wait()  # without a bound: it is set at the end
            self._closing.wait(_RETRY_SECONDS if self._failing else _COLLECTING_SECONDS)
            self._some.clear()
            self._write_waiting()
            if self._waiting:
                self._some.set()
        self._write_waiting()
        self._output.close()

    def _write_waiting(self) -> None:
        """Writes all, or as much as there is room for."""
        try:
            while self._waiting:
                if not self._waiting.lines:
                    self._waiting.lines = b"".join(self._encoded())
                written = self._output.write(self._waiting.lines)
                self._waiting.lines = self._waiting.lines[written:]
        except OSError as error:
            self._tell_failure(error)
            if self._output.is_regular and not self._output.at_line_start:  # the rest of a torn line says nothing
                self._waiting.lines = self._waiting.lines.partition(b"\n")[2]
                self._waiting.lost += 1
            self._output.close()
        else:
            self._tell_success()

    def _encoded(self) -> Iterator[bytes]:
        records = self._waiting.records
        if self._waiting.lost > self._waiting.told:
            lost, self._waiting.told = self._waiting.lost - self._waiting.told, self._waiting.lost
            yield self._line(time.time(), "lost", {"records": lost})
        for _ in range(min(_AT_ONCE, len(records))):
            yield self._line(*records.popleft())

    def _line(self, at: float, event: str, fields: Mapping[str, object]) -> bytes:
        record: dict[str, object] = {"time": _time_of(at), "log": self._name, "event": event}
        record |= {key: value for key, value in fields.items() if value is not None and value != ""}
        return _encode(record).encode() + b"\n"

    def _tell_failure(self, error: OSError) -> None:
        if not self._failing:
            reason = error.strerror or str(error)
            _log.warning(
                "the audit log %s can't be written: %s; up to %d records wait, further ones are counted",
                self._output.path,
                reason,
                _WAITING,
            )
        self._failing = True

    def _tell_success(self) -> None:
        if self._failing:
            _log.info("the audit log %s is written again; records lost: %d", self._output.path, self._waiting.lost)
        self._failing = False


def _time_of(at: float) -> str:
    """In UTC, with milliseconds."""
    seconds = int(at)
    return f"{_date_of(seconds)}.{int((at - seconds) * 1000):03}Z"


@lru_cache(maxsize=2)  # records come in the order of their times
def _date_of(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
