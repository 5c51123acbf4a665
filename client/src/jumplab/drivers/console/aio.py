"""A device's console, for asyncio."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from jumplab.driver import AsyncDriverClient
from jumplab.driver.errors import DriverError
from jumplab.drivers.console.errors import ConsoleClosed, ConsoleTimeout
from jumplab.drivers.console.interface import ConsoleInterface
from jumplab.drivers.console.stream import RESTART_MARKER, ConsoleStream, gap_marker, joined

_UNMATCHED_LIMIT_BYTES = 1 << 20
_QUOTED_BYTES = 2000


class AsyncConsoleClient(AsyncDriverClient, ConsoleInterface):
    """A device's console.

    `send`, `expect` and `run` share one attachment, made at first use and reading from the session's
    start: what the device said before is there to be expected. `connect` makes further ones.
    """

    _conversation: "_Conversation | None" = None

    @asynccontextmanager
    async def connect(
        self, offset: int | None = None, *, exclusive: bool = False, mark_gaps: bool = False
    ) -> AsyncIterator[ConsoleStream]:
        """The console's bytes both ways, at an `offset` that the stream knows.

        offset, exclusive: as for ConsoleInterface.attach.  mark_gaps: where bytes were dropped before they were read,
        or the exporter's process was replaced, `receive` gives a line that says so, instead of raising ConsoleGap or
        ConsoleRestarted. Raises ConsoleInUse, here or at the first use, where another client has the exclusive right to
        write.
        """
        async with joined(self, offset, exclusive=exclusive, mark_gaps=mark_gaps) as stream:
            yield stream

    async def send(self, text: str) -> None:
        """Types `text`; add "\\n" to press Enter.

        Where another client has the exclusive right to write, the next `send` or `expect` raises ConsoleInUse.
        """
        await self._conversing().send(text.encode())

    async def expect(self, pattern: str, timeout: float = 30.0) -> str:
        """Waits until the device has said something that the regular expression finds.

        Returns everything it said since the last `expect` up to the end of the match. What follows is left for the next
        one. Where bytes were dropped before they were read, a line in the text says how many; where the exporter's
        process was replaced, one says that.

        Raises ConsoleTimeout with what it said instead, after `timeout` seconds; ConsoleClosed where the console ended.
        """
        return await self._conversing().expect(pattern, timeout)

    async def run(self, command: str, prompt: str, timeout: float = 30.0) -> str:
        """Types a command and waits for the prompt, a regular expression: what was said between the two.

        The command's echo is left out. Raises as `expect` does.
        """
        await self.send(f"{command}\n")
        text = await self.expect(prompt, timeout)
        output = re.sub(rf"(?:{prompt})$", "", text.replace("\r", ""))
        return output.removeprefix(f"{command}\n").strip("\n")

    def _conversing(self) -> "_Conversation":
        if self._conversation is None:
            self._conversation = _Conversation(self)
        return self._conversation


class _Conversation:
    """The shared attachment of one client: a task holds it open until the session ends.

    What the driver refuses ends the attachment, and is raised once; the next use attaches again where it stopped.
    """

    def __init__(self, console: AsyncConsoleClient) -> None:
        self._console = console
        self._offset = 0
        self._epoch = console.epoch
        self._unmatched = bytearray()
        self._trimmed_bytes = 0
        self._failure: DriverError | None = None
        self._ready: asyncio.Future[ConsoleStream] | None = None
        self._attachment: asyncio.Task[None] | None = None

    async def send(self, data: bytes) -> None:
        stream = await self._attached()
        try:
            await stream.send(data)
        except DriverError:
            await self._detach()
            raise

    async def expect(self, pattern: str, timeout: float) -> str:
        try:
            async with asyncio.timeout(timeout):
                return await self._found(re.compile(pattern.encode()))
        except TimeoutError as error:
            message = (
                f'"{pattern}" did not come from {self._console.path} within {timeout:g} s; it said: {self._tail()}'
            )
            raise ConsoleTimeout(message) from error

    async def _found(self, pattern: re.Pattern[bytes]) -> str:
        while not (match := pattern.search(self._unmatched)):
            self._append(await self._receive())
        text = bytes(self._unmatched[: match.end()])
        del self._unmatched[: match.end()]
        if self._trimmed_bytes:
            text = gap_marker(self._trimmed_bytes).encode() + text
            self._trimmed_bytes = 0
        return text.decode(errors="replace")

    def _append(self, data: bytes) -> None:
        if not data:
            raise ConsoleClosed(f"{self._console.path} has ended; before that it said: {self._tail()}")
        self._unmatched += data
        excess = len(self._unmatched) - _UNMATCHED_LIMIT_BYTES
        if excess > 0:
            del self._unmatched[:excess]
            self._trimmed_bytes += excess

    def _tail(self) -> str:
        return repr(self._unmatched[-_QUOTED_BYTES:].decode(errors="replace"))

    async def _receive(self) -> bytes:
        stream = await self._attached()
        try:
            data = await stream.receive()
        except DriverError:
            await self._detach()
            raise
        self._offset, self._epoch = stream.offset, stream.epoch
        return data

    async def _attached(self) -> ConsoleStream:
        """The attachment; a new one where the last one has ended. Raises what ended it, once, and what refuses it."""
        if self._attachment is None or self._attachment.done():
            if self._failure is not None:
                failure, self._failure = self._failure, None
                raise failure
            self._ready = asyncio.get_running_loop().create_future()
            self._attachment = asyncio.create_task(self._stay_open(self._ready), name=f"console {self._console.path}")
        assert self._ready is not None
        return await asyncio.shield(self._ready)

    async def _stay_open(self, ready: asyncio.Future[ConsoleStream]) -> None:
        if self._console.epoch != self._epoch:
            self._unmatched += RESTART_MARKER.encode()
            self._offset, self._epoch = 0, self._console.epoch
        try:
            async with self._console.connect(self._offset, mark_gaps=True) as stream:
                ready.set_result(stream)
                await stream.result()
        except DriverError as error:
            if ready.done():
                self._failure = error
            else:
                ready.set_exception(error)

    async def _detach(self) -> None:
        """The attachment has failed, and whoever uses it is told."""
        if self._attachment is not None:
            self._attachment.cancel()
            await asyncio.wait([self._attachment])
        self._failure = None
