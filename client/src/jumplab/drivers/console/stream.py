"""An attachment to a console that knows its place."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from json import loads

from jumplab.driver import AsyncDriverClient, PlainStream, Portal, ResultStream, errors
from jumplab.drivers.console.errors import ConsoleGap, ConsoleInUse, ConsoleRestarted
from jumplab.drivers.console.interface import Gap

_REASON_BOUND_SECONDS = 5.0
_PAUSE_STEP_SECONDS = 0.1
_PAUSE_BOUND_SECONDS = 2.0

RESTART_MARKER = "\r\n[… the exporter's process was replaced: its console begins anew …]\r\n"


@asynccontextmanager
async def joined(
    console: AsyncDriverClient, offset: int | None = None, *, exclusive: bool = False, mark_gaps: bool = False
) -> AsyncIterator["ConsoleStream"]:
    """Attaches to a console through any client of it. The arguments are those of AsyncConsoleClient.connect."""
    epoch = console.epoch
    if offset is None or offset < 0:
        state = await console.call("state")
        end = state["end_offset"] if isinstance(state, dict) else state.end_offset
        offset = max(0, end + (offset or 0))
    stream = ConsoleStream(console, offset, epoch, exclusive=exclusive, mark_gaps=mark_gaps)
    await stream.attach()
    try:
        yield stream
    finally:
        await stream.aclose()


def gap_marker(size_bytes: int) -> str:
    """The line that stands in a console's text for what was dropped."""
    return f"\r\n[… {size_bytes} bytes of console output were dropped …]\r\n"


class ConsoleStream:
    """A console's bytes both ways: a ResultStream. Made by `joined`.

    offset: of the console's byte that `receive` gives next, from the session's start.  epoch: of the
    exporter's process that the offset is of.

    A stream that is cut while the session goes on is attached anew, at the byte where it stopped. What was being sent
    at that moment is not sent again, since it may have arrived: `send` raises SessionLost, and may be called again.
    Where the exporter's process was replaced, the console begins anew, at offset 0.
    """

    def __init__(
        self, console: AsyncDriverClient, offset: int, epoch: str, *, exclusive: bool, mark_gaps: bool
    ) -> None:
        self.offset = offset
        self.epoch = epoch
        self._restarted = False
        self._console = console
        self._given = {"exclusive": True} if exclusive else {}
        self._mark_gaps = mark_gaps
        self._attached: tuple[ResultStream, AbstractAsyncContextManager[ResultStream]] | None = None
        self._attaching = asyncio.Lock()
        self._sending = asyncio.Lock()
        self._cuts = 0
        self._closed = False
        self._over: errors.DriverError | None = None

    async def attach(self) -> ResultStream:
        """The present attachment; makes one at `offset` where there is none. Raises DriverError."""
        async with self._attaching:
            if self._closed:
                raise self._over or errors.StreamReset("this attachment to the console is closed; connect again")
            while self._attached is None:
                self._begin_anew()
                context = self._console.open("attach", offset=self.offset, **self._given)
                try:
                    self._attached = (await context.__aenter__(), context)
                except errors.CallFailed as error:
                    raise _refusal(error) from error
                except (errors.SessionLost, errors.SessionEnded) as error:
                    if isinstance(error, errors.SessionEnded) or self._console.epoch == self.epoch:
                        self._over = error  # who else reads is told the same, though it is closed meanwhile
                        raise
            return self._attached[0]

    async def aclose(self) -> None:
        """Detaches, for good."""
        self._closed = True
        if self._attached is not None:
            await self._detach(self._attached[0])

    async def receive(self) -> bytes:
        """The console's next bytes; b"" at its end.

        Raises ConsoleGap once where some were dropped, and ConsoleRestarted once where the exporter's process was
        replaced (or gives a line that says so, where gaps are marked); ConsoleInUse where what was sent was refused;
        DriverError.
        """
        while True:
            attached = await self.attach()
            if self._restarted:
                self._restarted = False
                return self._restart_marked()
            try:
                data = await attached.receive()
                if not self._is_present(attached):
                    continue  # it was cut meanwhile: the next attachment brings the same bytes
                if data:
                    self.offset += len(data)
                    self._cuts = 0
                    return data
                gap = await self._end(attached)
            except errors.SessionLost:
                await self._pause_after(attached)
            except (errors.CallFailed, errors.StreamReset) as error:
                raise await _meaning(error, attached) from error
            else:
                return b"" if gap is None else self._gap_marked(gap)

    async def send(self, data: bytes) -> None:
        """Types. Where another client has the exclusive right to, the next `receive` or `send` raises ConsoleInUse."""
        async with self._sending:
            attached = await self.attach()
            try:
                await attached.send(data)
            except errors.SessionLost:
                await self._detach(attached)
                raise
            except (errors.CallFailed, errors.StreamReset) as error:
                raise await _meaning(error, attached) from error

    async def send_end(self) -> None:
        """Ends the attachment: nothing more is read either. A second call does nothing."""
        async with self._sending:
            await (await self.attach()).send_end()

    async def result(self) -> bytes:
        """Waits for the end of the attachment, whatever cuts it meanwhile; the method's result as JSON.

        Raises ConsoleInUse, DriverError.
        """
        while True:
            attached = await self.attach()
            try:
                outcome = await attached.result()
            except errors.SessionLost:
                await self._pause_after(attached)
            except errors.CallFailed as error:
                raise await _meaning(error, attached) from error
            else:
                async with self._sending:  # where `receive` has found a gap, it is about to attach behind it
                    if self._is_present(attached):
                        return outcome

    async def _end(self, attached: ResultStream) -> Gap | None:
        """The device's direction has ended: at a gap, behind which the next attachment begins, or for good."""
        async with self._sending:
            await attached.send_end()
            outcome = loads(await attached.result())
            if outcome is None:
                return None
            end = Gap(**outcome).end_offset
            gap = Gap(self.offset, end - self.offset)
            self.offset = end
            await self._detach(attached)
            return gap

    def _gap_marked(self, gap: Gap) -> bytes:
        if self._mark_gaps:
            return gap_marker(gap.size_bytes).encode()
        raise ConsoleGap(self._console.path, gap)

    def _begin_anew(self) -> None:
        """The offset is one of the exporter's process that there was: in the next one it would mean another byte."""
        if self._console.epoch != self.epoch:
            self.epoch = self._console.epoch
            self.offset = 0
            self._restarted = True

    def _restart_marked(self) -> bytes:
        if self._mark_gaps:
            return RESTART_MARKER.encode()
        raise ConsoleRestarted(
            f"{self._console.path}: the exporter's process was replaced, and what it had kept of the console is gone; "
            "its next one can be read from offset 0 on"
        )

    def _is_present(self, attached: ResultStream) -> bool:
        return self._attached is not None and self._attached[0] is attached

    async def _pause_after(self, attached: ResultStream) -> None:
        """Detaches from what was cut; waits where attaching anew has not brought anything the last times."""
        if self._is_present(attached):
            await self._detach(attached)
            await asyncio.sleep(min(self._cuts * _PAUSE_STEP_SECONDS, _PAUSE_BOUND_SECONDS))
            self._cuts += 1

    async def _detach(self, attached: ResultStream) -> None:
        if self._attached is not None and self._attached[0] is attached:
            _, context = self._attached
            self._attached = None
            await context.__aexit__(None, None, None)


class PlainConsoleStream(PlainStream):
    """A ConsoleStream for plain code."""

    def __init__(self, stream: ConsoleStream, portal: Portal) -> None:
        super().__init__(stream, portal)
        self._console_stream = stream

    @property
    def offset(self) -> int:
        """The offset of the console's byte that `receive` gives next."""
        return self._console_stream.offset


async def _meaning(error: errors.DriverError, attached: ResultStream) -> errors.DriverError:
    """What the driver has refused, where a reset stream is the first sign of it."""
    if isinstance(error, errors.StreamReset):
        try:
            async with asyncio.timeout(_REASON_BOUND_SECONDS):
                await attached.result()
        except (errors.DriverError, TimeoutError) as reason:
            error = reason if isinstance(reason, errors.CallFailed) else error
    return _refusal(error)


def _refusal(error: errors.DriverError) -> errors.DriverError:
    refused = isinstance(error, errors.CallFailed) and error.type == ConsoleInUse.__name__
    return ConsoleInUse(str(error)) if refused else error
