"""What a console has said, kept for readers that come later."""

import asyncio
from collections import deque
from collections.abc import Callable
from pathlib import Path

from jumplab.drivers.console.interface import ConsoleState, Gap
from jumplab.system_errors import system_sentence
from jumplab_exporter.drivers.console.spill import Spill, spill_folder

_BLOCK_BYTES = 64 << 10


class ConsoleBuffer:
    """The last bytes of a console by absolute offset, in memory and then on disk; any number of readers.

    memory_bytes: how much is kept in memory.  disk_bytes: how much of what is older is kept on disk; 0: none.
    tell: hears a sentence when the disk stops taking what it should, and nothing again until it has recovered.
    folder: on whose disk; None: TMPDIR, else /var/tmp.  block_bytes: what moves to the disk, or is dropped, at once.

    What is kept is one piece without holes. A disk that is full keeps as much as fits; one that fails keeps nothing,
    and the console goes on in memory. Use it in one event loop.
    """

    def __init__(
        self,
        memory_bytes: int = 1 << 20,
        disk_bytes: int = 0,
        *,
        warn: Callable[[str], None] = lambda _: None,
        folder: Path | None = None,
        block_bytes: int = _BLOCK_BYTES,
    ) -> None:
        self._memory_blocks = max(1, memory_bytes // block_bytes)
        self._block_bytes = block_bytes
        self._blocks: deque[bytes] = deque()  # full ones, oldest first
        self._newest = bytearray()
        self._end = 0
        self._spill = Spill(disk_bytes // block_bytes, block_bytes, folder or spill_folder())
        self._warn = warn
        self._warned = False
        self._grown = asyncio.Event()
        self._closed = False

    @property
    def start_offset(self) -> int:
        """The offset of the oldest byte that is kept."""
        return self._memory_start - len(self._spill) * self._block_bytes

    @property
    def end_offset(self) -> int:
        """The offset that the next byte will have."""
        return self._end

    @property
    def state(self) -> ConsoleState:
        """Which bytes are kept."""
        return ConsoleState(self.start_offset, self._end, dropped_bytes=self.start_offset)

    def append(self, data: bytes) -> None:
        """Takes in what the console said. Never waits for a reader."""
        view = memoryview(data)
        while view:
            part = view[: self._block_bytes - len(self._newest)]
            self._newest += part
            self._end += len(part)
            view = view[len(part) :]
            if len(self._newest) == self._block_bytes:
                self._blocks.append(bytes(self._newest))
                self._newest.clear()
                self._drop_oldest()
        self._wake()

    def close(self) -> None:
        """The console will say nothing more, and what was kept is gone: readers get b""."""
        self._closed = True
        self._blocks.clear()
        self._newest.clear()
        self._spill.forget()
        self._wake()

    def reader(self, offset: int | None = None) -> "ConsoleReader":
        """Reads from `offset` on; None: from now. Negative offsets count from now."""
        if offset is None:
            return ConsoleReader(self, self._end)
        return ConsoleReader(self, offset if offset >= 0 else max(0, self._end + offset))

    async def read(self, offset: int) -> bytes | Gap:
        """Some bytes from `offset` on, one block at the most, waiting for the first; b"" where the console is closed.

        A Gap where bytes from `offset` on were dropped: it ends where reading can go on.
        """
        while self._end <= offset and not self._closed:
            await self._grown.wait()
        if self._closed:
            return b""
        if offset < self.start_offset:
            return Gap(offset, self.start_offset - offset)
        try:
            return self._read_back(offset)
        except OSError as error:
            self._spill.forget()
            self._warn(f"the console's output could not be read back from the disk: {system_sentence(error)}")
            return Gap(offset, self.start_offset - offset)

    @property
    def _memory_start(self) -> int:
        return self._end - len(self._newest) - len(self._blocks) * self._block_bytes

    def _read_back(self, offset: int) -> bytes:
        index, start = divmod(offset - self.start_offset, self._block_bytes)
        if index < len(self._spill):
            return self._spill.read(index, start)
        index -= len(self._spill)
        return self._blocks[index][start:] if index < len(self._blocks) else bytes(self._newest[start:])

    def _drop_oldest(self) -> None:
        while len(self._blocks) > self._memory_blocks:
            self._spill.push(self._blocks.popleft())
        if self._spill.failure is None:
            self._warned = False
        elif not self._warned:
            self._warned = True
            self._warn(
                f"the disk takes no more of what the console says: {self._spill.failure}; "
                f"of what is older than {self._end - self.start_offset} bytes the oldest is dropped"
            )

    def _wake(self) -> None:
        grown, self._grown = self._grown, asyncio.Event()
        grown.set()


class ConsoleReader:
    """One reader's place in a ConsoleBuffer.  offset: of the byte that it reads next."""

    def __init__(self, buffer: ConsoleBuffer, offset: int) -> None:
        self._buffer = buffer
        self.offset = offset

    async def read(self) -> bytes | Gap:
        """The next bytes, waiting for the first; b"" where the console is closed.

        A Gap instead of what was dropped before it was read; the next call reads on behind it.
        """
        read = await self._buffer.read(self.offset)
        self.offset = read.end_offset if isinstance(read, Gap) else self.offset + len(read)
        return read
