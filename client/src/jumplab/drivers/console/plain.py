"""A device's console, for plain code. Generated from aio.py by `make generate`."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import ClassVar, overload

from jumplab.driver import AsyncDriverClient, DriverClient
from jumplab.drivers.console.aio import AsyncConsoleClient
from jumplab.drivers.console.command_run import CommandOutput
from jumplab.drivers.console.conversation import Since
from jumplab.drivers.console.interface import ConsoleState
from jumplab.drivers.console.patterns import BytesMatch, BytesPattern, TextMatch, TextPattern
from jumplab.drivers.console.stream import PlainConsoleStream
from jumplab.drivers.console.time_limits import TimeLimit


class ConsoleClient(DriverClient):
    """A device's console.

    `send`, `expect` and `run` share one attachment and one cursor: the first byte that no `expect` has taken. It begins
    where the session began to listen: at the lease's begin in a session of `jumplab.lease`, so that whatever the device
    has said since then is there to be expected; in one of `jumplab.attach` at the end that the console had when it
    attached. `connect` makes further attachments.
    """

    asynchronous: ClassVar[type[AsyncDriverClient]] = AsyncConsoleClient
    _twin: AsyncConsoleClient

    def state(self) -> ConsoleState:
        """Which bytes are kept now, and whether the device is there."""
        return self._portal.run(self._twin.state())

    def send_break(self, seconds: float = 0.25) -> None:
        """Holds the line in the break condition for a number of seconds, 10 at most.

        Refuses (NotImplementedError) where there is no serial line that could.
        """
        self._portal.run(self._twin.send_break(seconds))

    def set_lines(self, *, dtr: bool | None = None, rts: bool | None = None) -> None:
        """Raises (true) or lowers (false) DTR and RTS, both at once; one that is not given stays as it is.

        Refuses (NotImplementedError) where there is no serial line that has them.
        """
        self._portal.run(self._twin.set_lines(dtr=dtr, rts=rts))

    @contextmanager
    def connect(
        self, offset: int | None = None, *, exclusive: bool = False, mark_gaps: bool = False
    ) -> Iterator[PlainConsoleStream]:
        """The console's bytes both ways, at an `offset` that the stream knows.

        offset, exclusive: as for ConsoleInterface.attach.  mark_gaps: where bytes were dropped before they were read,
        or the exporter's process was replaced, `receive` gives a line that says so, instead of raising ConsoleGap or
        ConsoleRestarted. Raises ConsoleInUse, here or at the first use, where another client has the exclusive right to
        write.
        """
        with self._portal.entered(self._twin.connect(offset, exclusive=exclusive, mark_gaps=mark_gaps)) as stream:
            yield PlainConsoleStream(stream, self._portal)

    def send(self, text: str | bytes) -> None:
        """Types `text`; add "\\n" to press Enter.

        Where another client has the exclusive right to write, the next `send` or `expect` raises ConsoleInUse.
        """
        self._portal.run(self._twin.send(text))

    @overload
    def expect(
        self, pattern: TextPattern | Sequence[TextPattern], timeout: TimeLimit = 30.0, *, since: Since | None = None
    ) -> TextMatch: ...
    @overload
    def expect(
        self, pattern: BytesPattern | Sequence[BytesPattern], timeout: TimeLimit = 30.0, *, since: Since | None = None
    ) -> BytesMatch: ...
    @overload
    def expect(
        self,
        pattern: TextPattern | BytesPattern | Sequence[TextPattern] | Sequence[BytesPattern],
        timeout: TimeLimit = 30.0,
        *,
        since: Since | None = None,
    ) -> TextMatch | BytesMatch: ...
    def expect(
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
        return self._portal.run(self._twin.expect(pattern, timeout, since=since))

    def run(
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
        return self._portal.run(self._twin.run(command, prompt, timeout, control_sequences=control_sequences))

    def flush(self) -> None:
        """Forgets what the device has said until now: the next `expect` looks at what comes from here on."""
        self._portal.run(self._twin.flush())

    def mark(self) -> int:
        """Marks this moment, for `expect(…, since="mark")`: the offset of the byte that the device says next."""
        return self._portal.run(self._twin.mark())

    def decode_as(self, encoding: str) -> None:
        """Text from the device and to it is in this encoding from now on, `latin-1` for example.

        Raises BadArguments where Python has none of this name, or ASCII is not a part of it.
        """
        self._portal.run(self._twin.decode_as(encoding))
