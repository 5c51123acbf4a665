"""A small file system of a test's own, filled and freed."""

from __future__ import annotations

import errno
import subprocess
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from itertools import count
from pathlib import Path

import pytest

from tests.counterparts import missing

_BLOCK = bytes(4096)


class SmallDisk:
    """folder: where it is mounted."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ballast = folder / "ballast"

    def fill(self) -> None:
        """Takes all room, that for further files and folders included."""
        self._ballast.mkdir()
        with _until_full():
            for number in count():
                (self._ballast / str(number)).touch()
        with _until_full(), (self._ballast / "0").open("wb", buffering=0) as file:
            while True:
                file.write(_BLOCK)

    def free(self) -> None:
        """Gives that room back."""
        for file in self._ballast.iterdir():
            file.unlink()
        self._ballast.rmdir()


def _until_full() -> AbstractContextManager[object]:
    return pytest.raises(OSError, check=lambda error: error.errno == errno.ENOSPC)


@contextmanager
def small_disk(folder: Path, options: str = "size=16m") -> Iterator[SmallDisk]:
    """A file system with these options of tmpfs (tmpfs(5)); skips the test where none can be mounted."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", options, "jumplab-test", folder]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        missing("small-disk", "a small file system can't be mounted by this user: nothing shows what a full disk does")
    try:
        yield SmallDisk(folder)
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)
