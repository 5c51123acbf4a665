"""TFTP's packets, as a server of files reads and writes them (RFC 1350; options: RFC 2347, 2348, 2349, 7440)."""

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum

BLOCK_NUMBERS = 1 << 16
_READ, _WRITE, _DATA, _ACK, _ERROR, _OPTIONS = 1, 2, 3, 4, 5, 6
_DEFAULT_BLOCK_BYTES = 512
_BLOCK_BYTES = range(8, 65465)
_TIMEOUT_SECONDS = range(1, 256)
_LARGEST_WINDOW = 64


class Code(IntEnum):
    """Why a request is refused."""

    OTHER = 0
    NOT_FOUND = 1
    FORBIDDEN = 2
    ILLEGAL = 4


class Malformed(ValueError):
    """A packet that is none, or that a server of files doesn't take.  code: what its sender is told."""

    def __init__(self, sentence: str, code: Code = Code.ILLEGAL) -> None:
        super().__init__(sentence)
        self.code = code


@dataclass(frozen=True, slots=True)
class Request:
    """A file is asked for.  agreed: the options that the answer has; none: data comes at once.

    block_bytes, window_blocks: how much a packet carries, and how many go out before the peer has to answer.
    timeout_seconds: after how long without an answer they go out again; None: the server's own.
    """

    name: str
    agreed: Mapping[str, str]
    block_bytes: int
    window_blocks: int
    timeout_seconds: int | None
    asks_for_size: bool


def read_request(packet: bytes) -> Request:
    """Raises Malformed."""
    kind, words = _kind_of(packet), packet[2:].split(b"\0")
    if kind == _WRITE:
        raise Malformed("this server takes no files", Code.FORBIDDEN)
    if kind != _READ or len(words) < 3 or words[-1] or not len(words) % 2:
        raise Malformed("this is no request for a file")
    name, mode = (word.decode(errors="replace") for word in words[:2])
    if mode.lower() != "octet":
        raise Malformed(f"files are served as they are (octet), not as {mode[:20]}")
    options = {
        key.decode(errors="replace").lower(): value for key, value in zip(words[2:-1:2], words[3:-1:2], strict=True)
    }
    block_bytes = _number(options, "blksize", _BLOCK_BYTES)
    window_blocks = _number(options, "windowsize", range(1, BLOCK_NUMBERS))
    window_blocks = window_blocks and min(window_blocks, _LARGEST_WINDOW)
    timeout_seconds = _number(options, "timeout", _TIMEOUT_SECONDS)
    agreed = {"blksize": block_bytes, "windowsize": window_blocks, "timeout": timeout_seconds}
    return Request(
        name,
        {key: str(value) for key, value in agreed.items() if value is not None},
        block_bytes or _DEFAULT_BLOCK_BYTES,
        window_blocks or 1,
        timeout_seconds,
        asks_for_size="tsize" in options,
    )


def read_answer(packet: bytes) -> int:
    """The number of the block that was received as the last one in order. Raises Malformed, also where the peer gives
    the transfer up."""
    kind = _kind_of(packet)
    if kind == _ERROR:
        reason = packet[4:].partition(b"\0")[0].decode(errors="replace")
        raise Malformed(f"it was given up by the board ({reason[:80] or 'without a word'})")
    if kind != _ACK or len(packet) < 4:
        raise Malformed("the board answered something else than TFTP prescribes")
    return int.from_bytes(packet[2:4], "big")


def data(number: int, content: bytes) -> bytes:
    """number: of the block, counted from 1 on; the packet has the lower 16 bits of it."""
    return struct.pack(">HH", _DATA, number % BLOCK_NUMBERS) + content


def options(agreed: Mapping[str, str]) -> bytes:
    """The answer to a request that has options."""
    return struct.pack(">H", _OPTIONS) + b"".join(f"{key}\0{value}\0".encode() for key, value in agreed.items())


def error(code: Code, sentence: str) -> bytes:
    """A refusal."""
    return struct.pack(">HH", _ERROR, code) + sentence.encode(errors="replace") + b"\0"


def _kind_of(packet: bytes) -> int:
    if len(packet) < 2:
        raise Malformed("this is no packet of TFTP")
    return int.from_bytes(packet[:2], "big")


def _number(options: Mapping[str, bytes], key: str, allowed: range) -> int | None:
    """A value that can't be is as good as none: the option is not agreed to (RFC 2347). Too large a block is cut."""
    value = options.get(key, b"")
    if not value.isdigit() or len(value) > 8:
        return None
    number = min(int(value), allowed[-1])
    return number if number in allowed else None
