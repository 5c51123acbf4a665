"""What the exporter itself says to a stub by GDB's remote serial protocol."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from jumplab.drivers.network.joining import reset
from jumplab_exporter.drivers.debug.packets import ACKNOWLEDGED, PacketReader, encode

Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]

WRITTEN_AT_ONCE_BYTES = 1024
"""In hexadecimal it fits into the packets of every stub that is known here."""
_ANSWER_BOUND_SECONDS = 10.0
_READ_BYTES = 65536
_STOPPED = (b"T", b"S")


class Remote:
    """A connection to a stub, whose processor is halted by it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._packets = PacketReader()
        self._answers: list[bytes] = []

    async def write_memory(self, address: int, data: bytes) -> None:
        """Writes it, and reads it back: QEMU calls it done where there is no memory. Raises OSError."""
        for start in range(0, len(data), WRITTEN_AT_ONCE_BYTES):
            block, place = data[start : start + WRITTEN_AT_ONCE_BYTES].hex().encode(), address + start
            where = b"%x,%x" % (place, len(block) // 2)
            if await self._ask(b"M%b:%b" % (where, block)) != b"OK" or await self._ask(b"m" + where) != block:
                raise OSError(
                    f"there is no memory that takes {len(block) // 2} bytes at {place:#x}; is the address right?"
                )

    async def detach(self) -> None:
        """Has the stub forget its breakpoints, and the processor run on."""
        await self._ask(b"D;1")

    async def _ask(self, body: bytes) -> bytes:
        """Raises ConnectionError, TimeoutError."""
        self._writer.write(encode(body))
        try:
            async with asyncio.timeout(_ANSWER_BOUND_SECONDS):
                return await self._answer()
        except TimeoutError as error:
            raise TimeoutError(f"the debug port did not answer within {_ANSWER_BOUND_SECONDS:g} s") from error

    async def _answer(self) -> bytes:
        while True:
            for answer in self._answers:
                self._answers.remove(answer)
                return answer
            data = await self._reader.read(_READ_BYTES)
            if not data:
                raise ConnectionError("the debug port has closed the connection")
            for kind, body in self._packets.feed(data):
                if kind == b"$":
                    self._writer.write(ACKNOWLEDGED)
                    if not body.startswith(_STOPPED):  # which a stub says unasked
                        self._answers.append(body)


@asynccontextmanager
async def connected(open_connection: Callable[[], Awaitable[Connection]]) -> AsyncIterator[Remote]:
    """A connection while the context lasts. It ends without detaching: the processor stays halted."""
    reader, writer = await open_connection()
    try:
        yield Remote(reader, writer)
    finally:
        reset(writer)
