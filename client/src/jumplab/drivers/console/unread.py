"""A console's output that no `expect` has taken yet, as bytes and as text."""

import codecs
import re
from dataclasses import dataclass

# Where decoding fails, each byte is one character of its own in the text; so its place in the bytes is known.
_UNDECODABLE = re.compile("[\udc80-\udcff]")
LIMIT_BYTES = 1 << 20
_SLACK_BYTES = 256 << 10


@dataclass(frozen=True, slots=True)
class Interruption:
    """A line of ours in the console's bytes.  index: of its begin.  resume_offset: of the console's byte behind it."""

    index: int
    line: bytes
    resume_offset: int


class Unread:
    """Bytes of a console from `start_offset` on.

    encoding: what the text is decoded with; a byte that can't be decoded is U+FFFD, a character that has not come
    whole is not in the text yet.  dropped_bytes: how many of the oldest were dropped, since nobody had taken them and
    more than LIMIT_BYTES had gathered.  losses: how often bytes were lost or dropped so far.
    """

    def __init__(self, start_offset: int = 0, encoding: str = "utf-8") -> None:
        self.start_offset = start_offset
        self.encoding = encoding
        self.dropped_bytes = 0
        self.losses = 0
        self._data = bytearray()
        self._interruptions: list[Interruption] = []
        self._snapshot: bytes | None = b""
        self._decode_again()

    def __len__(self) -> int:
        return len(self._data)

    @property
    def data(self) -> bytes:
        """All of it."""
        if self._snapshot is None:
            self._snapshot = bytes(self._data)
        return self._snapshot

    @property
    def text(self) -> str:
        """All of it, as text."""
        return self._text

    @property
    def interrupted(self) -> bool:
        """Whether a line of ours stands in it, for bytes that were lost."""
        return bool(self._interruptions)

    def append(self, data: bytes) -> None:
        """Takes in what the console says next."""
        self._data += data
        self._snapshot = None
        self._decode(data)
        if len(self._data) > LIMIT_BYTES + _SLACK_BYTES:
            excess = len(self._data) - LIMIT_BYTES
            self._drop(excess)
            self.dropped_bytes += excess
            self.losses += 1

    def interrupt(self, line: str, resume_offset: int) -> None:
        """Puts a line of ours in: what the console said here is lost, and it goes on at `resume_offset`."""
        encoded = line.encode()
        self.losses += 1
        self._interruptions.append(Interruption(len(self._data), encoded, resume_offset))
        self.append(encoded)

    def take_bytes(self, size: int) -> bytes:
        """The first bytes, which are not unread any more."""
        taken = bytes(self._data[:size])
        self._drop(size)
        self.dropped_bytes = 0
        return taken

    def take_text(self, characters: int) -> str:
        """The first characters, which are not unread any more."""
        taken = self._decoded[:characters]
        self._drop(len(taken.encode(self.encoding, "surrogateescape")))
        self.dropped_bytes = 0
        return _shown(taken)

    def use_encoding(self, encoding: str) -> None:
        """Decodes by another encoding from here on. Raises LookupError where there is none of this name, or ASCII is
        not a part of it."""
        if "=> ".encode(encoding) != b"=> ":
            raise LookupError(f"{encoding} does not contain ASCII")
        self.encoding = encoding
        self._decode_again()

    def _drop(self, size: int) -> None:
        passed = [each for each in self._interruptions if each.index < size]
        self._interruptions = [
            Interruption(each.index - size, each.line, each.resume_offset)
            for each in self._interruptions
            if each.index >= size
        ]
        if passed:
            last = passed[-1]
            self.start_offset = last.resume_offset + max(0, size - last.index - len(last.line))
        else:
            self.start_offset += size
        del self._data[:size]
        self._snapshot = None
        self._decode_again()

    def _decode_again(self) -> None:
        self._decoder = codecs.getincrementaldecoder(self.encoding)("surrogateescape")
        self._decoded = self._text = ""
        self._decode(bytes(self._data))

    def _decode(self, data: bytes) -> None:
        decoded = self._decoder.decode(data)
        self._decoded += decoded
        self._text += _shown(decoded)


def _shown(decoded: str) -> str:
    return _UNDECODABLE.sub("�", decoded)
