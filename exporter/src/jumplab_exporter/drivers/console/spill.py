"""Blocks on disk, in a file that nobody else can open."""

import os
import tempfile
from collections import deque
from contextlib import suppress
from pathlib import Path

# Kept over a restart and on a real disk, where /tmp is memory on many hosts (file-hierarchy(7)).
_FOLDER = Path("/var/tmp")  # noqa: S108 - the file has no name there


def spill_folder() -> Path:
    """Where spill files go: TMPDIR where it is set."""
    return Path(os.environ.get("TMPDIR") or _FOLDER)


class Spill:
    """The newest blocks of one size, oldest first, in a file that is unlinked and 0600 from its start.

    limit_blocks: how many are kept at most.  folder: on whose disk; the file is made with the first block.
    failure: why the disk did not take the last new block, None where it did.
    """

    def __init__(self, limit_blocks: int, block_bytes: int, folder: Path) -> None:
        self._limit_blocks = limit_blocks
        self._block_bytes = block_bytes
        self._folder = folder
        self._descriptor: int | None = None
        self._slots: deque[int] = deque()
        self.failure: OSError | None = None

    def __len__(self) -> int:
        return len(self._slots)

    def push(self, block: bytes) -> bool:
        """Keeps a block as the newest; where the limit is reached or the disk is full, in the place of the oldest.

        False: not even that could be written, and nothing is kept any more. Blocks on the event loop for as long as the
        operating system takes to copy one block.
        """
        if not self._limit_blocks:
            return False
        count = len(self._slots)
        if count < self._limit_blocks and self._written(block, count):
            self._slots.append(count)
            return True
        if self._slots and self._written(block, self._slots[0]):
            self._slots.rotate(-1)
            return True
        self.forget()
        return False

    def read(self, index: int, start: int) -> bytes:
        """The block with this index, 0 the oldest, from its byte `start` on. Raises OSError."""
        assert self._descriptor is not None
        file_position = self._slots[index] * self._block_bytes
        data = os.pread(self._descriptor, self._block_bytes - start, file_position + start)
        if len(data) < self._block_bytes - start:
            raise OSError("the spill file is shorter than what was written to it")
        return data

    def forget(self) -> None:
        """Drops all blocks and gives their room back."""
        self._slots.clear()
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _written(self, block: bytes, slot: int) -> bool:
        try:
            if self._descriptor is None:
                self._descriptor = _nameless_file(self._folder)
            _write_all(self._descriptor, block, slot * self._block_bytes)
        except OSError as error:
            self.failure = error
            self._give_back_the_rest()
            return False
        if slot == len(self._slots):
            self.failure = None
        return True

    def _give_back_the_rest(self) -> None:
        """What a full disk took of a new block is room that others can use."""
        if self._descriptor is not None:
            with suppress(OSError):
                os.ftruncate(self._descriptor, len(self._slots) * self._block_bytes)


def _nameless_file(folder: Path) -> int:
    descriptor, name = tempfile.mkstemp(prefix="jumplab-console-", dir=folder)
    os.unlink(name)
    return descriptor


def _write_all(descriptor: int, block: bytes, file_position: int) -> None:
    view = memoryview(block)
    while view:
        written = os.pwrite(descriptor, view, file_position)
        file_position += written
        view = view[written:]
