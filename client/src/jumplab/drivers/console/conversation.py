"""The shared attachment of a console's client: where it reads, and what it expects there."""

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from jumplab.driver.client import Cursor
from jumplab.driver.errors import BadArguments, DriverError
from jumplab.drivers.console.errors import ConsoleClosed, ConsoleGap, ConsoleRestarted, ConsoleTimeout
from jumplab.drivers.console.patterns import BytesMatch, Patterns, Search, TextMatch
from jumplab.drivers.console.stream import RESTART_MARKER, ConsoleStream, gap_marker
from jumplab.drivers.console.unread import Unread

if TYPE_CHECKING:
    from jumplab.drivers.console.aio import AsyncConsoleClient

QUOTED_BYTES = 2000
_STATE_SECONDS = 1.0

Since = Literal["lease", "attach", "mark"] | int


@dataclass(frozen=True, slots=True)
class ConsolePlace:
    """Where a client is in a console: what several clients, one after the other, can share.

    cursor: the first byte that no `expect` has taken.  attached_at: where they have attached.  mark: their last one.
    """

    cursor: Cursor
    attached_at: Cursor
    mark: Cursor | None = None


class Conversation:
    """The attachment that `send`, `expect` and `run` of one client share, and its unread output.

    A task holds the attachment open until the session ends. What the driver refuses ends the attachment, and is raised
    once; the next use attaches again where it stopped.
    """

    def __init__(self, console: "AsyncConsoleClient", place: ConsolePlace) -> None:
        self._console = console
        self._attached_at = place.attached_at
        self._epoch = place.cursor.epoch
        self._marked = place.mark
        self.unread = Unread(place.cursor.offset)
        self._end_offset = place.cursor.offset
        self._failure: DriverError | None = None
        self._ready: asyncio.Future[ConsoleStream] | None = None
        self._attachment: asyncio.Task[None] | None = None

    @property
    def place(self) -> ConsolePlace:
        return ConsolePlace(self._cursor, self._attached_at, self._marked)

    @property
    def _cursor(self) -> Cursor:
        return Cursor(self.unread.start_offset, self._epoch)

    @classmethod
    async def begun(cls, console: "AsyncConsoleClient") -> "Conversation":
        """One where the session begins to read. Raises DriverError."""
        attached_at = console.attached_at or await _end_of(console)  # an older exporter does not say
        return cls(console, ConsolePlace(console.begins_at or attached_at, attached_at))

    async def send(self, data: bytes) -> None:
        stream = await self._attached()
        try:
            await stream.send(data)
        except DriverError:
            await self._detach()
            raise

    async def expect(self, patterns: Patterns, timeout: float) -> TextMatch | BytesMatch:
        """Takes all up to the end of what is found first. Raises ConsoleTimeout, ConsoleClosed, DriverError."""
        search = Search(patterns)
        clock = asyncio.get_running_loop().time
        deadline = clock() + timeout
        try:
            async with asyncio.timeout(timeout):
                while (found := await search.take(self.unread, deadline - clock())) is None:
                    await self.read()
        except TimeoutError as error:
            raise ConsoleTimeout(
                f"{patterns.words} did not come from {self._console.path} within {timeout:g} s; it said: {self.tail()}"
                f"{await self._absence()}"
            ) from error
        return found

    async def read(self) -> None:
        """Takes in what the console says next. Raises ConsoleClosed, DriverError."""
        stream = await self._attached()
        try:
            data = await stream.receive()
        except ConsoleGap as error:
            self.unread.interrupt(gap_marker(error.gap.size_bytes), stream.offset)
        except ConsoleRestarted:
            self.unread.interrupt(RESTART_MARKER, 0)
        except DriverError:
            await self._detach()
            raise
        else:
            if not data:
                raise ConsoleClosed(f"{self._console.path} has ended; before that it said: {self.tail()}")
            self.unread.append(data)
        self._end_offset, self._epoch = stream.offset, stream.epoch

    def tail(self) -> str:
        """The end of what was not taken, for messages."""
        return repr(self.unread.data[-QUOTED_BYTES:].decode(self.unread.encoding, errors="replace"))

    async def _absence(self) -> str:
        """The end of a sentence about a device that can't be used now."""
        try:
            async with asyncio.timeout(_STATE_SECONDS):
                unavailable = (await self._console.state()).unavailable
        except (DriverError, TimeoutError):
            return ""
        return f"; {unavailable}" if unavailable else ""

    async def mark(self) -> int:
        """Remembers the end that the console has now: its offset."""
        self._marked = await _end_of(self._console)
        return self._marked.offset

    async def flush(self) -> None:
        """Forgets what the console has said until now."""
        await self._move(await _end_of(self._console))

    async def rewind(self, since: Since) -> None:
        """Goes to another byte. Raises BadArguments, DriverError."""
        await self._move(await self._cursor_of(since))

    async def _cursor_of(self, since: Since) -> Cursor:
        if isinstance(since, int):
            end = await _end_of(self._console)
            return Cursor(since if since >= 0 else max(0, end.offset + since), end.epoch)
        if since == "lease":
            return Cursor(0, self._console.epoch)
        if since == "attach":
            return self._attached_at
        if since != "mark":
            raise BadArguments(f'since is "lease", "attach", "mark" or an offset, not {since!r}')
        if self._marked is None:
            raise BadArguments('since="mark" needs a mark; set one with `mark()` first')
        return self._marked

    async def _move(self, cursor: Cursor) -> None:
        if cursor == self._cursor and not self.unread.interrupted:
            return
        await self._detach()
        self.unread = Unread(cursor.offset, self.unread.encoding)
        self._end_offset, self._epoch = cursor.offset, cursor.epoch

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
            self.unread.interrupt(RESTART_MARKER, 0)
            self._end_offset, self._epoch = 0, self._console.epoch
        try:
            async with self._console.connect(self._end_offset) as stream:
                ready.set_result(stream)
                await stream.result()
        except DriverError as error:
            if ready.done():
                self._failure = error
            else:
                ready.set_exception(error)

    async def _detach(self) -> None:
        """The attachment has failed, which its user is told, or another one is to begin elsewhere."""
        if self._attachment is not None:
            self._attachment.cancel()
            await asyncio.wait([self._attachment])
            self._attachment = None
        self._failure = None


async def _end_of(console: "AsyncConsoleClient") -> Cursor:
    """The end that a console has now."""
    epoch = console.epoch
    return Cursor((await console.state()).end_offset, epoch)
