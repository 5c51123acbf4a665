"""Packets of GDB's remote serial protocol. Pure: bytes in, packets out.

Protocol: https://sourceware.org/gdb/current/onlinedocs/gdb.html/Remote-Protocol.html
"""

from collections.abc import Iterator
from enum import Enum, auto

LONGEST_PACKET_BYTES = 1 << 18
ACKNOWLEDGED, REPEAT, INTERRUPT = b"+", b"-", b"\x03"
_ALONE = (*ACKNOWLEDGED, *REPEAT, *INTERRUPT)
_BEGIN, _END, _ESCAPE = ord("$"), ord("#"), ord("}")
_ESCAPED = frozenset(b"$#}*")
_ESCAPE_FLIP = 0x20


class _Phase(Enum):
    BETWEEN = auto()
    BODY = auto()
    ESCAPED = auto()
    CHECKSUM = auto()


def encode(body: bytes) -> bytes:
    """A packet with this body. No `$` is in it but the first byte, wherever a reader begins to listen."""
    escaped = b"".join(bytes((_ESCAPE, byte ^ _ESCAPE_FLIP)) if byte in _ESCAPED else bytes((byte,)) for byte in body)
    return b"$%b#%02x" % (escaped, sum(escaped) % 256)


class PacketReader:
    """Reads one direction of a connection, piece by piece."""

    def __init__(self) -> None:
        self._phase = _Phase.BETWEEN
        self._body = bytearray()
        self._sum = 0
        self._digits = b""

    def feed(self, data: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Yields (b"$", the body) for each packet, and (b"+", b"") and the like for what is sent outside of packets.

        A packet with a wrong checksum is (b"#", b""). Raises ValueError for one that is too long.
        """
        for byte in data:
            if self._phase is _Phase.BETWEEN:
                if byte == _BEGIN:
                    self._begin()
                elif byte in _ALONE:
                    yield bytes((byte,)), b""
            elif self._phase is _Phase.CHECKSUM:
                self._digits += bytes((byte,))
                if len(self._digits) == 2:
                    self._phase = _Phase.BETWEEN
                    yield (b"$", bytes(self._body)) if self._is_whole() else (b"#", b"")
            else:
                self._take(byte)

    def _begin(self) -> None:
        self._phase, self._sum, self._digits = _Phase.BODY, 0, b""
        self._body.clear()

    def _take(self, byte: int) -> None:
        if self._phase is _Phase.BODY and byte == _END:
            self._phase = _Phase.CHECKSUM
            return
        if self._phase is _Phase.BODY and byte == _BEGIN:  # its sender has begun again
            self._begin()
            return
        self._sum += byte
        if self._phase is _Phase.ESCAPED:
            self._body.append(byte ^ _ESCAPE_FLIP)
            self._phase = _Phase.BODY
        elif byte == _ESCAPE:
            self._phase = _Phase.ESCAPED
        else:
            self._body.append(byte)
        if len(self._body) > LONGEST_PACKET_BYTES:
            raise ValueError(f"a packet of GDB's protocol has {LONGEST_PACKET_BYTES} bytes at most here")

    def _is_whole(self) -> bool:
        return self._digits.lower() == b"%02x" % (self._sum % 256)
