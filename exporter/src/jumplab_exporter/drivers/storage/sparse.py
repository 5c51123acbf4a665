"""Android's sparse images, as libsparse writes them (system/core/libsparse/sparse_format.h). Pure.

What an image says nothing of ("don't care") becomes zeros, so that an image has one content, and nothing of an earlier
lease shows through.
"""

import struct
from collections.abc import Iterator
from enum import IntEnum

_HEADER = struct.Struct("<IHHHHIIII")
_CHUNK = struct.Struct("<HHII")
_MAGIC = 0xED26FF3A
_FILL_BYTES = 4
_BLOCK_BYTES = 1 << 20
_MOST_BLOCK_BYTES = 64 << 20


class _Kind(IntEnum):
    RAW = 0xCAC1
    FILL = 0xCAC2
    DONT_CARE = 0xCAC3
    CRC32 = 0xCAC4


class SparseImage:
    """One image.  size_bytes: what it becomes. Making and reading it raises ValueError where it is damaged."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self._input = _Input(blocks)
        fields = _HEADER.unpack(self._input.take(_HEADER.size))
        magic, major, _, header_bytes, self._chunk_header_bytes, self._unit_bytes, self._units, self._chunks, _ = fields
        sizes_fit = header_bytes >= _HEADER.size and self._chunk_header_bytes >= _CHUNK.size
        if magic != _MAGIC or major != 1 or not sizes_fit:
            raise ValueError("the sparse image is of a kind that is not known here")
        if not 0 < self._unit_bytes <= _MOST_BLOCK_BYTES or self._unit_bytes % _FILL_BYTES:
            raise ValueError(f"the sparse image is damaged: its blocks have {self._unit_bytes} bytes")
        self._input.take(header_bytes - _HEADER.size)
        self.size_bytes = self._units * self._unit_bytes

    def blocks(self) -> Iterator[bytes]:
        """Its content. Reads the input to its end."""
        units = 0
        for number in range(self._chunks):
            kind, _, chunk_units, chunk_bytes = _CHUNK.unpack(self._input.take(_CHUNK.size))
            self._input.take(self._chunk_header_bytes - _CHUNK.size)
            units += 0 if kind == _Kind.CRC32 else chunk_units
            if units > self._units:
                raise ValueError(f"the sparse image is damaged: chunk {number} is beyond its end")
            yield from self._chunk(number, kind, chunk_units * self._unit_bytes, chunk_bytes - self._chunk_header_bytes)
        if units < self._units:
            raise ValueError(f"the sparse image is damaged: it has {units} of {self._units} blocks")
        self._input.drain()

    def _chunk(self, number: int, kind: int, size_bytes: int, data_bytes: int) -> Iterator[bytes]:
        expected_bytes = {_Kind.RAW: size_bytes, _Kind.DONT_CARE: 0}.get(_known(kind, number), _FILL_BYTES)
        if data_bytes != expected_bytes:
            raise ValueError(
                f"the sparse image is damaged: chunk {number} has {data_bytes} bytes, not {expected_bytes}"
            )
        if kind == _Kind.RAW:
            yield from self._input.pass_on(size_bytes)
        elif kind == _Kind.CRC32:
            self._input.take(_FILL_BYTES)
        else:
            fill = self._input.take(_FILL_BYTES) if kind == _Kind.FILL else bytes(_FILL_BYTES)
            yield from _repeated(fill, size_bytes)


class _Input:
    """Takes exact numbers of bytes from blocks."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self._blocks = blocks
        self._rest = b""

    def take(self, size_bytes: int) -> bytes:
        return b"".join(self.pass_on(size_bytes))

    def pass_on(self, size_bytes: int) -> Iterator[bytes]:
        while size_bytes:
            block = self._rest or next(self._blocks, b"")
            if not block:
                raise ValueError("the sparse image ends too early")
            yield block[:size_bytes]
            self._rest = block[size_bytes:]
            size_bytes -= min(size_bytes, len(block))

    def drain(self) -> None:
        self._rest = b""
        for _ in self._blocks:
            pass


def _known(kind: int, number: int) -> _Kind:
    try:
        return _Kind(kind)
    except ValueError as error:
        raise ValueError(f"the sparse image is damaged: chunk {number} is of the unknown kind {kind:#x}") from error


def _repeated(fill: bytes, size_bytes: int) -> Iterator[bytes]:
    block = fill * (_BLOCK_BYTES // len(fill))
    for _ in range(size_bytes // _BLOCK_BYTES):
        yield block
    if rest := size_bytes % _BLOCK_BYTES:
        yield block[:rest]
