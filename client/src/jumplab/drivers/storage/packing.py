"""How images are packed: told by their first bytes, and by what their files say of the unpacked size."""

import os
import struct
from collections.abc import Callable, Mapping
from typing import BinaryIO

MAGIC_BYTES = 8
"""So many first bytes tell each of them."""

QCOW2_MAGIC = b"QFI\xfb"
SPARSE_MAGIC = b"\x3a\xff\x26\xed\x01\x00"  # with its version

COMPRESSIONS: Mapping[str, bytes] = {
    "gz": b"\x1f\x8b\x08",
    "bz2": b"BZh",
    "xz": b"\xfd7zXZ\x00",
    "zst": b"\x28\xb5\x2f\xfd",
}
IMAGES: Mapping[str, bytes] = {"qcow2": QCOW2_MAGIC, "sparse": SPARSE_MAGIC}

_XZ_FOOTER = struct.Struct("<4sI2s2s")
_XZ_HEADER_BYTES = 12
_MOST_XZ_STREAMS = 1000


def packing_of(first: bytes) -> str:
    """What data with these first bytes is: the name of a compression or of an image format, or "raw"."""
    for name, magic in {**COMPRESSIONS, **IMAGES}.items():
        if first.startswith(magic):
            return "raw" if name == "bz2" and not _is_bzip2(first) else name
    return "raw"


def least_unpacked_bytes(file: BinaryIO, packing: str) -> int | None:
    """At least so much a seekable file becomes when it is decompressed; None where it does not say.

    The file's position stays. What can't be read as it should be is None: to unpack it will fail, and say why.
    """
    estimate = _ESTIMATES.get(packing)
    if estimate is None:
        return None
    start = file.tell()
    try:
        return estimate(file, start, file.seek(0, os.SEEK_END))
    except (struct.error, ValueError, IndexError):
        return None
    finally:
        file.seek(start)


def _is_bzip2(first: bytes) -> bool:
    """Three letters are few for a magic: a level follows, and the magic of a block or of the end."""
    return first[3:4] in b"123456789" and first[4:6] in (b"1A", b"\x17r")


def _read_at(file: BinaryIO, position: int, size_bytes: int) -> bytes:
    file.seek(position)
    return file.read(size_bytes)


def _gz(file: BinaryIO, start: int, end: int) -> int:
    """The size of the last member, modulo 2^32 (RFC 1952, ISIZE)."""
    (size_bytes,) = struct.unpack("<I", _read_at(file, max(start, end - 4), 4))
    return int(size_bytes)


def _xz(file: BinaryIO, start: int, end: int) -> int:
    """The sum of what the indexes of all streams say (The .xz File Format, 2.1.2 and 4)."""
    total = 0
    for _ in range(_MOST_XZ_STREAMS):
        while end > start and _read_at(file, end - 4, 4) == b"\0\0\0\0":
            end -= 4  # stream padding
        if end <= start:
            return total
        _, backward, _, magic = _XZ_FOOTER.unpack(_read_at(file, end - _XZ_HEADER_BYTES, _XZ_HEADER_BYTES))
        if magic != b"YZ":
            raise ValueError("there is no footer of an xz stream")
        index_bytes = (backward + 1) * 4
        blocks_bytes, unpacked_bytes = _xz_index(_read_at(file, end - _XZ_HEADER_BYTES - index_bytes, index_bytes))
        total += unpacked_bytes
        end -= 2 * _XZ_HEADER_BYTES + index_bytes + blocks_bytes
    return total


def _xz_index(index: bytes) -> tuple[int, int]:
    """The sizes of all blocks of an index, packed and unpacked."""
    position, packed, unpacked = 1, 0, 0
    count, position = _xz_number(index, position)
    for _ in range(count):
        unpadded, position = _xz_number(index, position)
        size_bytes, position = _xz_number(index, position)
        packed += -(-unpadded // 4) * 4
        unpacked += size_bytes
    return packed, unpacked


def _xz_number(data: bytes, position: int) -> tuple[int, int]:
    number, shift = 0, 0
    while True:
        byte = data[position]
        position += 1
        number |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return number, position
        if shift > 63:
            raise ValueError("a number is too long")


def _zst(file: BinaryIO, start: int, _end: int) -> int:
    """The content size of the first frame (RFC 8878, 3.1.1.1)."""
    header = _read_at(file, start, 18)
    descriptor = header[4]
    flag, single, dictionary = descriptor >> 6, descriptor >> 5 & 1, (0, 1, 2, 4)[descriptor & 3]
    if flag == 0 and not single:
        raise ValueError("the frame does not say its size")
    position, width = 5 + (1 - single) + dictionary, (1, 2, 4, 8)[flag]
    size_bytes = int.from_bytes(header[position : position + width], "little")
    return size_bytes + 256 if width == 2 else size_bytes


_ESTIMATES: Mapping[str, Callable[[BinaryIO, int, int], int]] = {
    "gz": _gz,
    "xz": _xz,
    "zst": _zst,
}
