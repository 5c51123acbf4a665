"""A command at a console, and the evidence of what belongs to it.

The line that is typed makes the shell itself print a word of this run before and after the command's output:

    echo jumplab 4f1c9a03   begins; COMMAND; echo jumplab 4f1c9a03   ended $?

In what is typed, and echoed, three spaces stand where a shell's `echo` prints one: so the echo is never taken for the
output, without quoting, which U-Boot's shells don't have in common with POSIX ones (IEEE Std 1003.1, 2.6.5 and `echo`).
"""

import asyncio
import re
from dataclasses import dataclass

from jumplab.control_sequences import CleanText, without_control_sequences
from jumplab.driver.errors import BadArguments
from jumplab.drivers.console.conversation import Conversation
from jumplab.drivers.console.errors import ConsoleTimeout, OutputIncomplete
from jumplab.drivers.console.patterns import Patterns, Search, TextMatch


class CommandOutput(str):
    """The output of a command.

    status: its exit status; None where the device's shell has no `$?`.
    """

    __slots__ = ("status",)
    status: int | None

    def __new__(cls, text: str, status: int | None) -> "CommandOutput":
        made = super().__new__(cls, text)
        made.status = status
        return made


@dataclass(frozen=True, slots=True)
class CommandRun:
    """One run of a command.  word: of this run alone."""

    command: str
    word: str

    def __post_init__(self) -> None:
        """Raises BadArguments where it is more than one line."""
        if re.search(r"[\r\n]", self.command):
            raise BadArguments(
                f"run takes one line, and this command has several: {self.command!r}; join them with `;`, or run each"
            )

    @property
    def line(self) -> str:
        """The line to type, Enter included."""
        command = self.command.strip()
        if not command:
            separator = ""
        elif command.endswith(";") or re.search(r"(?<![&\\])&$", command):
            separator = " "  # it ends a command by itself
        else:
            separator = "; "
        return f"echo jumplab {self.word}   begins; {command}{separator}echo jumplab {self.word}   ended $?\n"

    @property
    def beginning(self) -> re.Pattern[str]:
        """A pattern for the line before the output."""
        return re.compile(rf"jumplab {self.word} begins\r*\n")

    @property
    def ending(self) -> re.Pattern[str]:
        """A pattern for the line behind it; the end of that line is left, which a prompt's pattern may want."""
        return re.compile(rf"jumplab {self.word} ended (\S+)(?=\r*\n)")


class RunningCommand:
    """A command that was typed, until its prompt is back.

    prompt: what follows it.  deadline: of the event loop's clock.  timeout: in seconds, for messages.
    raw: control sequences stay.
    """

    def __init__(
        self, conversation: Conversation, run: CommandRun, prompt: Patterns, timeout: float, *, raw: bool
    ) -> None:
        self._conversation = conversation
        self._run = run
        self._prompt = prompt
        self._timeout = timeout
        self._raw = raw
        self._deadline = asyncio.get_running_loop().time() + timeout

    async def output(self) -> CommandOutput:
        """Types it, and waits. Raises ConsoleTimeout, OutputIncomplete, ConsoleClosed, DriverError."""
        conversation, unread = self._conversation, self._conversation.unread
        await conversation.send(self._run.line.encode(unread.encoding))
        begun = await self._expect(
            [self._run.beginning, self._run.ending], "the device did not begin it: no shell was ready for it"
        )
        if begun.which == 1:
            raise OutputIncomplete(
                f'only the end of "{self._run.command}" came, not its begin: bytes were lost on the way, or the device '
                "was not at its prompt and took the first characters for something else; `expect` the prompt first"
            )
        lost, losses = unread.interrupted, unread.losses
        ended = await self._expect(
            [self._run.ending], "it has not ended; for one that does not come back to its shell use `send` and `expect`"
        )
        if lost or unread.losses != losses:
            raise self._incomplete()
        try:
            await self._await_prompt()
        except TimeoutError as error:
            raise self._late(f"it has ended, but no prompt came that {self._prompt.words} finds") from error
        text = ended.before if self._raw else without_control_sequences(ended.before)
        return CommandOutput(_output_of(text), _status_of(ended.group(1)))

    async def _expect(self, patterns: list[re.Pattern[str]], why: str) -> TextMatch:
        left = self._deadline - asyncio.get_running_loop().time()
        try:
            found = await self._conversation.expect(Patterns(patterns), max(0.0, left))
        except ConsoleTimeout as error:
            raise self._late(why) from error
        assert isinstance(found, TextMatch)
        return found

    async def _await_prompt(self) -> None:
        """Takes all up to the prompt's end, which is looked for in what is left without control sequences."""
        conversation = self._conversation
        async with asyncio.timeout_at(self._deadline):
            while True:
                text = conversation.unread.text
                clean = CleanText("" if self._raw else text)
                seconds = self._deadline - asyncio.get_running_loop().time()
                found = await Search(self._prompt).find(text if self._raw else clean.text, seconds)
                if found is not None:
                    end = found[0].end()
                    conversation.unread.take_text(end if self._raw else clean.original_index(end))
                    return
                await conversation.read()

    def _incomplete(self) -> OutputIncomplete:
        return OutputIncomplete(
            f'bytes of the output of "{self._run.command}" were lost on the way; write what is long to a file on the '
            "device, and read that"
        )

    def _late(self, why: str) -> ConsoleTimeout:
        return ConsoleTimeout(
            f'"{self._run.command}" gave no whole answer within {self._timeout:g} s: {why}; '
            f"the console said: {self._conversation.tail()}"
        )


def _output_of(text: str) -> str:
    """A command's output as text: line ends as `\\n`, none behind the last line."""
    return re.sub(r"\r+\n", "\n", text).rstrip("\n")


def _status_of(word: str) -> int | None:
    """The exit status that a shell has printed for `$?`."""
    return int(word) if re.fullmatch(r"[0-9]{1,10}", word, re.ASCII) else None
