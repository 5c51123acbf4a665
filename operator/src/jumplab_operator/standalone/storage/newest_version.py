"""The newest resource version that was committed, in a small file beside the store.

It is written after each commit, and not synced: after a loss of power it may be behind the store, but never ahead. So a
store that ends before it has lost something.
"""

import contextlib
import os
import zlib
from pathlib import Path

NEWEST = "newest-version"


class NewestVersion:
    """The file of one store, open for writing until `close`. A disk that takes nothing costs the note alone."""

    def __init__(self, database: Path) -> None:
        self._descriptor: int | None = None
        with contextlib.suppress(OSError):
            self._descriptor = os.open(self.beside(database), os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)

    @staticmethod
    def beside(database: Path) -> Path:
        return database.with_name(NEWEST)

    @classmethod
    def noted_beside(cls, database: Path) -> int | None:
        """The version that was noted; None where none was, or the file is damaged."""
        try:
            text = cls.beside(database).read_bytes()
            version = int(text[:20])
        except (OSError, ValueError):
            return None
        return version if text == _line(version) else None

    def note(self, version: int) -> None:
        if self._descriptor is not None:
            with contextlib.suppress(OSError):
                os.pwrite(self._descriptor, _line(version), 0)

    def close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def _line(version: int) -> bytes:
    """All lines have one length: each takes the place of the one before."""
    number = f"{version:020d}".encode()
    return number + f" {zlib.crc32(number):08x}\n".encode()
