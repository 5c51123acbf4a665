"""Which of the exporter's log lines a leased shell has shown: each `j` in it gets the last ones, and shows the new."""

import contextlib
import json
import os
from pathlib import Path
from typing import Self


class SeenLogLines:
    """Of one member's exporter. Use as a context: those that come later know at its end.

    place: the shell's folder, which all its `j` share; None: nothing is known.
    Lines are known by their number and by the exporter's process that has counted them.
    """

    def __init__(self, folder: Path | None, member: str) -> None:
        self._file = folder / f".shown.{member}" if folder is not None else None
        self._epoch, self._last = self._read()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is None:
            return
        written = self._file.with_name(f"{self._file.name}.{os.getpid()}.{id(self)}")
        try:
            written.write_text(json.dumps([self._epoch, self._last]), encoding="utf-8")
            written.replace(self._file)
        except OSError:  # the shell has ended, or the disk is full: lines may be shown again
            with contextlib.suppress(OSError):
                written.unlink()

    def is_new(self, epoch: str, number: int) -> bool:
        """Whether a line has not been shown yet; it has from now on. 0: of an exporter that doesn't count."""
        if epoch != self._epoch:
            self._epoch, self._last = epoch, 0
        new = number == 0 or number > self._last
        self._last = max(self._last, number)
        return new

    def _read(self) -> tuple[str, int]:
        if self._file is not None:
            with contextlib.suppress(OSError, ValueError):
                epoch, last = json.loads(self._file.read_text(encoding="utf-8"))
                return str(epoch), int(last)
        return "", 0
