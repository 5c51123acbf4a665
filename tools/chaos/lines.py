"""What the devices say: numbered lines whose every byte follows from its position. Pure."""

import re
from dataclasses import dataclass, field

LINE_BYTES = 32
_MULTIPLIER = 0x9E3779B97F4A7C15
_MASK = (1 << 72) - 1
_NUMBERED = re.compile(rb"\n(\d{12}) ")
_ENOUGH_BYTES = 2 * LINE_BYTES


def said(start: int, size: int) -> bytes:
    """The bytes that a device says from position `start` on, counted from its first one."""
    first, last = start // LINE_BYTES, (start + size) // LINE_BYTES
    lines = b"".join(_line(number) for number in range(first, last + 1))
    return lines[start - first * LINE_BYTES :][:size]


def _line(number: int) -> bytes:
    return b"%012d %018x\n" % (number, number * _MULTIPLIER & _MASK)


@dataclass(slots=True)
class Follower:
    """Checks a console's bytes as a reader gets them.

    origin: the device's position of the console's first byte, once it is known.  first: the device's position of the
    first byte that was checked.  upto: the position behind the last one.  checked, lost, wrong: how many bytes were as
    they must be, were left out without a word, and were others.
    """

    origin: int | None = None
    first: int | None = None
    upto: int = 0
    checked: int = 0
    lost: int = 0
    wrong: int = 0
    _offset: int = 0
    _early: bytearray = field(default_factory=bytearray)

    def take(self, offset: int, data: bytes) -> None:
        """Takes in bytes that the reader got at this offset of the console."""
        if self.origin is None:
            if not self._early:
                self._offset = offset
            self._early += data
            if len(self._early) >= _ENOUGH_BYTES:
                self._begin(bytes(self._early))
            return
        position = offset + self.origin
        if data != said(position, len(data)):
            self._stumble(offset, data)
            return
        self._count(position, len(data))

    def forget(self) -> None:
        """What follows is another console's: its first byte may be anywhere."""
        self.origin = self.first = None
        self._early.clear()

    def _begin(self, data: bytes) -> None:
        self._early.clear()
        found = self._origin_in(self._offset, data)
        if found is None:
            self.wrong += len(data)
            return
        self.origin = found
        self.take(self._offset, data)

    def _stumble(self, offset: int, data: bytes) -> None:
        """The bytes are not those that follow: left out are those before them, or they are none of the device's."""
        assert self.origin is not None
        found = self._origin_in(offset, data)
        if found is not None and found > self.origin and data == said(offset + found, len(data)):
            self.lost += found - self.origin
            self.origin = found
            self._count(offset + found, len(data))
        else:
            self.wrong += len(data)

    def _count(self, position: int, size: int) -> None:
        if self.first is None:
            self.first = position
        self.upto = position + size
        self.checked += size

    @staticmethod
    def _origin_in(offset: int, data: bytes) -> int | None:
        found = _NUMBERED.search(data)
        return None if found is None else int(found[1]) * LINE_BYTES - (offset + found.start() + 1)
