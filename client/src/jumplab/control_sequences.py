"""Removes control sequences (ECMA-48) from what a device says: colours, bracketed paste, cursor queries, titles."""

import re
from bisect import bisect_left

# A sequence that is not complete by then is not one.
_LONGEST_BYTES = 4096
# Strings (titles, for example) end at their terminator, or at the end of the line where that never comes.
_SEQUENCE = (
    r"\x1b(?:"
    r"\[[0-?]*[ -/]*[@-~]"
    r"|\][^\x07\x1b\r\n]*(?:\x07|\x1b\\)?"
    r"|[PX^_][^\x07\x1b\r\n]*(?:\x07|\x1b\\)?"
    r"|[ -/]+[0-~]"
    r"|[0-OQ-WYZ\\`-~]"
    r")|[\x00\x07\x0e\x0f]"
)
_IN_TEXT = re.compile(_SEQUENCE)
_IN_BYTES = re.compile(_SEQUENCE.encode())
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")
# A sequence that may go on: it is complete only when something follows that does not belong to it.
_BEGUN = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*|[\]PX^_][^\x07\x1b\r\n]*(?:\x1b)?|[ -/]*)\Z")


class CleanText:
    """A text without its control sequences.  text: what is left."""

    def __init__(self, original: str) -> None:
        self._ends: list[int] = []  # of each piece, in the text that is left
        self._shifts: list[int] = []  # how much was removed before each piece
        pieces: list[str] = []
        start = size = 0
        for found in _IN_TEXT.finditer(original):
            pieces.append(original[start : found.start()])
            size += found.start() - start
            self._ends.append(size)
            self._shifts.append(start - (size - (found.start() - start)))
            start = found.end()
        pieces.append(original[start:])
        self._ends.append(size + len(original) - start)
        self._shifts.append(start - size)
        self.text = "".join(pieces)

    def original_index(self, end: int) -> int:
        """Where in the original the first `end` characters of the text that is left end."""
        return end + self._shifts[min(bisect_left(self._ends, end), len(self._shifts) - 1)]


def without_control_sequences(text: str) -> str:
    """The text without its control sequences; tabs, line ends and backspaces stay."""
    return _IN_TEXT.sub("", text)


def printable(text: str) -> str:
    """Text of somebody else, for a terminal: without control sequences, and U+FFFD for every other control character
    but tabs and line ends."""
    return _CONTROL.sub("\ufffd", without_control_sequences(text))


class ControlSequenceFilter:
    """Removes control sequences from bytes that come piece by piece."""

    def __init__(self) -> None:
        self._begun = b""

    def feed(self, data: bytes) -> bytes:
        """The bytes that can be passed on by now: a sequence that has only begun is held back."""
        data = self._begun + data
        begun = _BEGUN.search(data, max(0, len(data) - _LONGEST_BYTES))
        self._begun = data[begun.start() :] if begun else b""
        return _IN_BYTES.sub(b"", data[: begun.start()] if begun else data)

    def flush(self) -> bytes:
        """The bytes that were held back, at the end."""
        rest, self._begun = self._begun, b""
        return _IN_BYTES.sub(b"", rest)
