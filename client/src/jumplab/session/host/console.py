"""What a console has said, kept for readers that come later."""

import asyncio


class ConsoleBuffer:
    """The last bytes of a console by absolute offset; any number of readers.

    limit_bytes: how much is kept. A reader that falls further behind skips what was dropped, and is told how much.
    """

    def __init__(self, limit_bytes: int = 4 << 20) -> None:
        self._limit_bytes = limit_bytes
        self._kept = bytearray()
        self._start = 0
        self._grown = asyncio.Event()
        self._closed = False

    @property
    def start_offset(self) -> int:
        """The offset of the oldest byte that is kept."""
        return self._start

    @property
    def end_offset(self) -> int:
        """The offset that the next byte will have."""
        return self._start + len(self._kept)

    def append(self, data: bytes) -> None:
        """Takes in what the console said."""
        self._kept += data
        excess = len(self._kept) - self._limit_bytes
        if excess > 0:
            del self._kept[:excess]
            self._start += excess
        self._wake()

    def close(self) -> None:
        """The console will say nothing more: readers get b"" after what is kept."""
        self._closed = True
        self._wake()

    def reader(self, offset: int | None = None) -> "ConsoleReader":
        """Reads from `offset` on; None: from now. Negative offsets count from now."""
        if offset is None:
            return ConsoleReader(self, self.end_offset)
        return ConsoleReader(self, offset if offset >= 0 else max(0, self.end_offset + offset))

    async def read(self, offset: int) -> bytes:
        """Everything kept from `offset` on, waiting for the first byte; b"" where the console is closed.

        Where bytes from `offset` on were dropped, it begins at `start_offset`.
        """
        while self.end_offset <= offset and not self._closed:
            await self._grown.wait()
        return bytes(self._kept[max(0, offset - self._start) :])

    def _wake(self) -> None:
        grown, self._grown = self._grown, asyncio.Event()
        grown.set()


class ConsoleReader:
    """One reader's place in a ConsoleBuffer.  dropped_bytes: how much it has missed so far."""

    def __init__(self, buffer: ConsoleBuffer, offset: int) -> None:
        self._buffer = buffer
        self.offset = offset
        self.dropped_bytes = 0

    async def read(self) -> bytes:
        """The next bytes, waiting for the first; b"" where the console is closed and everything has been read."""
        data = await self._buffer.read(self.offset)
        missed = max(0, self._buffer.start_offset - self.offset) if data else 0
        self.dropped_bytes += missed
        self.offset += missed + len(data)
        return data
