"""What a flashing tool prints: lines for the log, and signs of what it does."""

import codecs
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from jumplab.control_sequences import CleanText
from jumplab.driver import progress

_KEPT_CHARACTERS = 16384
_LONGEST_LINE = 1000
_LINE_END = re.compile(r"[\r\n]")


@dataclass(frozen=True, slots=True)
class Sign:
    """Something that a tool prints.  pattern: a regular expression that is searched in each line;  doing: what the tool
    does from then on;  verified: whether it says that the device holds what was to be written.

    The pattern's groups `done` and `total` are numbers, where it has them; without `total` they are percent.
    """

    pattern: str
    doing: str = ""
    verified: bool = False


class ToolOutput:
    """Reads a tool's output, piece by piece.  verified: whether it has said so.

    say: gets each whole line. A line that the tool writes over again, as it does with percentages, is no whole one.
    """

    def __init__(self, signs: Sequence[Sign], say: Callable[[str], None]) -> None:
        self.verified = False
        self._signs = [(re.compile(sign.pattern), sign) for sign in signs]
        self._steps = list(dict.fromkeys(sign.doing for sign in signs if sign.doing))
        self._say = say
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._line = ""
        self._kept = ""

    @property
    def end(self) -> str:
        """The end of what it has printed, less what it has written over."""
        return (self._kept + self._line).strip()

    def feed(self, data: bytes) -> None:
        """Takes the next piece; b"" is the end."""
        text = self._decoder.decode(data, final=not data).replace("\r\n", "\n")
        start = 0
        for found in _LINE_END.finditer(text):
            self._take(text[start : found.start()])
            self._end_line(is_whole=found.group() == "\n")
            start = found.end()
        self._take(text[start:])
        if not data and self._line:
            self._end_line(is_whole=True)

    def _take(self, text: str) -> None:
        self._line = (self._line + text)[-_LONGEST_LINE:]
        if text:
            self._look(self._line)

    def _end_line(self, *, is_whole: bool) -> None:
        line, self._line = CleanText(self._line).text.rstrip(), ""
        if is_whole and line:
            self._say(line)
            self._kept = f"{self._kept}{line}\n"[-_KEPT_CHARACTERS:]

    def _look(self, line: str) -> None:
        for pattern, sign in self._signs:
            if (found := pattern.search(line)) is None:
                continue
            self.verified = self.verified or sign.verified
            if not sign.doing:
                continue
            counts = found.groupdict()
            if counts.get("done") is None:
                progress(self._steps.index(sign.doing), len(self._steps), sign.doing)
            else:
                progress(int(counts["done"]), int(counts.get("total") or 100), sign.doing)
