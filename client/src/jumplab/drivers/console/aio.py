"""A device's console, for asyncio."""

import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import overload

from jumplab.driver import AsyncDriverClient
from jumplab.driver.errors import BadArguments
from jumplab.drivers.console.command_run import CommandOutput, CommandRun, RunningCommand
from jumplab.drivers.console.conversation import ConsolePlace, Conversation, Since
from jumplab.drivers.console.interface import ConsoleInterface
from jumplab.drivers.console.patterns import BytesMatch, BytesPattern, Patterns, TextMatch, TextPattern
from jumplab.drivers.console.stream import ConsoleStream, joined
from jumplab.drivers.console.time_limits import TimeLimit, seconds_of


class AsyncConsoleClient(AsyncDriverClient, ConsoleInterface):
    """A device's console.

    `send`, `expect` and `run` share one attachment and one cursor: the first byte that no `expect` has taken. It begins
    where the session began to listen: at the lease's begin in a session of `jumplab.lease`, so that whatever the device
    has said since then is there to be expected; in one of `jumplab.attach` at the end that the console had when it
    attached. `connect` makes further attachments.
    """

    _conversation: Conversation | None = None

    @property
    def place(self) -> ConsolePlace | None:
        """Where `send`, `expect` and `run` are in the console; None before their first use. May be set before that, to
        go on where another client of the lease has stopped."""
        return None if self._conversation is None else self._conversation.place

    @place.setter
    def place(self, place: ConsolePlace) -> None:
        self._conversation = Conversation(self, place)

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

    async def send(self, text: str | bytes) -> None:
        """Types `text`; add "\\n" to press Enter.

        Where another client has the exclusive right to write, the next `send` or `expect` raises ConsoleInUse.
        """
        conversation = await self._conversing()
        await conversation.send(text.encode(conversation.unread.encoding) if isinstance(text, str) else text)

    @overload
    async def expect(
        self, pattern: TextPattern | Sequence[TextPattern], timeout: TimeLimit = 30.0, *, since: Since | None = None
    ) -> TextMatch: ...
    @overload
    async def expect(
        self, pattern: BytesPattern | Sequence[BytesPattern], timeout: TimeLimit = 30.0, *, since: Since | None = None
    ) -> BytesMatch: ...
    @overload
    async def expect(
        self,
        pattern: TextPattern | BytesPattern | Sequence[TextPattern] | Sequence[BytesPattern],
        timeout: TimeLimit = 30.0,
        *,
        since: Since | None = None,
    ) -> TextMatch | BytesMatch: ...
    async def expect(
        self,
        pattern: TextPattern | BytesPattern | Sequence[TextPattern] | Sequence[BytesPattern],
        timeout: TimeLimit = 30.0,
        *,
        since: Since | None = None,
    ) -> TextMatch | BytesMatch:
        """Waits until the device has said something that the regular expression finds.

        pattern: one, or several of which the earliest match counts. Text is looked for in text (UTF-8, unless
        `decode_as` was called), bytes in bytes; compiled ones of Python's `re` keep their flags.  timeout: seconds,
        or a duration such as `1m30s`.
        since: where to look from, in place of the cursor: "lease" is the lease's begin, "attach" where this session
        attached, "mark" the last `mark()`, a number an offset (a negative one counts back from now).

        Returns everything from the cursor up to the end of the match, with the match's `which`, `before`, `group()` and
        `groups()`. What follows is left for the next one. Where bytes were dropped before they were read, a line in the
        text says how many; where the exporter's process was replaced, one says that.

        Raises BadArguments for a wrong pattern, before anything else; ConsoleTimeout with what the device said instead;
        ConsoleClosed where the console ended.
        """
        patterns, seconds = Patterns(pattern), seconds_of(timeout)
        conversation = await self._conversing()
        if since is not None:
            await conversation.rewind(since)
        return await conversation.expect(patterns, seconds)

    async def run(
        self,
        command: str,
        prompt: TextPattern | Sequence[TextPattern],
        timeout: TimeLimit = 30.0,
        *,
        control_sequences: bool = False,
    ) -> CommandOutput:
        """Runs a command in the shell that is at the console: what it printed, with its exit `status`.

        command: one line for a POSIX shell, busybox or U-Boot, which comes back to its prompt. It is typed
        between two `echo`es, whose words are the evidence that the output is of this command, whatever was said
        before.  prompt: a regular expression for what the shell says behind it.  timeout: seconds, or a
        duration.
        control_sequences: leaves colours and other control sequences in.

        Raises BadArguments for a wrong prompt or a command of several lines, before anything is typed; ConsoleTimeout
        where the command was not begun or has not ended in time; OutputIncomplete; ConsoleClosed.
        """
        patterns = Patterns(prompt)
        if not patterns.is_text:
            raise BadArguments(f"run's prompt is text, not bytes: {prompt!r}")
        run, seconds = CommandRun(command, secrets.token_hex(4)), seconds_of(timeout)
        running = RunningCommand(await self._conversing(), run, patterns, seconds, raw=control_sequences)
        return await running.output()

    async def flush(self) -> None:
        """Forgets what the device has said until now: the next `expect` looks at what comes from here on."""
        await (await self._conversing()).flush()

    async def mark(self) -> int:
        """Marks this moment, for `expect(…, since="mark")`: the offset of the byte that the device says next."""
        return await (await self._conversing()).mark()

    async def decode_as(self, encoding: str) -> None:
        """Text from the device and to it is in this encoding from now on, `latin-1` for example.

        Raises BadArguments where Python has none of this name, or ASCII is not a part of it.
        """
        try:
            (await self._conversing()).unread.use_encoding(encoding)
        except LookupError as error:
            raise BadArguments(f"the console's text can't be decoded as {encoding!r}: {error}") from error

    async def _conversing(self) -> Conversation:
        if self._conversation is None:
            self._conversation = await Conversation.begun(self)
        return self._conversation
