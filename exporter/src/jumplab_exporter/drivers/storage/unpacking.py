"""Unpacks an upload on its way: compressed data, Android's sparse images, qcow2. Plain code, block by block.

The format is told by the upload's first bytes: they are its sender's own, who says whether it is to be unpacked.
Each step holds a few MiB at the most, however much its input would become.
"""

import bz2
import lzma
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Protocol

from jumplab.drivers.storage.packing import COMPRESSIONS, packing_of
from jumplab_exporter.drivers.storage.sparse import SparseImage

_BLOCK_BYTES = 1 << 20
_PEEK_BYTES = 128
_XZ_MEMORY_BYTES = 256 << 20
_ZST_WINDOW_BYTES = 128 << 20
_ZST_SLICE_BYTES = 256  # becomes 8 MiB at the most: 128 KiB for each block of 4 bytes

Blocks = Iterator[bytes]


@dataclass(frozen=True, slots=True)
class Image:
    """What an upload becomes.  format: "raw", or its layers, outermost first.  size_bytes: where it is known before."""

    format: str
    size_bytes: int | None
    blocks: Blocks


def unpacked(blocks: Blocks, open_qcow2: Callable[[bytes, Blocks], tuple[int, Blocks]]) -> Image:
    """The image in an upload: one compression at the most, and in it one image format at the most.

    open_qcow2: takes a qcow2 image's first bytes and the whole, gives its virtual size and content. Reading `blocks`
    raises ValueError where the data is damaged.
    """
    layers, size_bytes = [], None
    first, blocks = _peeked(blocks)
    if (packing := packing_of(first)) in COMPRESSIONS:
        layers.append(packing)
        first, blocks = _peeked(_decompressed(packing, blocks))
        packing = packing_of(first)
    if packing == "sparse":
        image = SparseImage(blocks)
        size_bytes, blocks = image.size_bytes, image.blocks()
        layers.append(packing)
    elif packing == "qcow2":
        size_bytes, blocks = open_qcow2(first, blocks)
        layers.append(packing)
    return Image("+".join(layers) or "raw", size_bytes, blocks)


def _peeked(blocks: Blocks) -> tuple[bytes, Blocks]:
    """The first bytes, and all of the blocks still."""
    taken, first = [], b""
    while len(first) < _PEEK_BYTES and (block := next(blocks, b"")):
        taken.append(block)
        first += block[:_PEEK_BYTES]
    return first[:_PEEK_BYTES], chain(taken, blocks)


class _Decompressor(Protocol):
    """As those of bz2 and lzma."""

    @property
    def needs_input(self) -> bool: ...

    @property
    def eof(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes, max_length: int) -> bytes: ...


class _Gzip:
    def __init__(self) -> None:
        self._inner = zlib.decompressobj(wbits=31)  # with gzip's header and check
        self.needs_input = True

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data

    def decompress(self, data: bytes, max_length: int) -> bytes:
        output = self._inner.decompress(self._inner.unconsumed_tail + data, max_length)
        self.needs_input = len(output) < max_length and not self._inner.unconsumed_tail
        return output


class _Zstd:
    def __init__(self) -> None:
        import zstandard

        self._error = zstandard.ZstdError
        self._inner = zstandard.ZstdDecompressor(max_window_size=_ZST_WINDOW_BYTES).decompressobj()
        self._waiting = b""

    @property
    def needs_input(self) -> bool:
        return not self._waiting

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data + self._waiting

    def decompress(self, data: bytes, max_length: int) -> bytes:
        output, waiting, position = bytearray(), self._waiting + data, 0
        while position < len(waiting) and len(output) < max_length and not self._inner.eof:
            try:
                output += self._inner.decompress(waiting[position : position + _ZST_SLICE_BYTES])
            except self._error as error:
                raise OSError(str(error)) from error  # as bz2 does
            position += _ZST_SLICE_BYTES
        self._waiting = waiting[position:]
        return bytes(output)


_MAKERS: Mapping[str, Callable[[], _Decompressor]] = {
    "gz": _Gzip,
    "bz2": bz2.BZ2Decompressor,
    "xz": lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_XZ_MEMORY_BYTES),
    "zst": _Zstd,
}


def _decompressed(name: str, blocks: Blocks) -> Blocks:
    """All streams (members, frames) of the data, one after the other, with zeros between them as padding."""
    make = _MAKERS[name]
    decompressor = make()
    begun = False
    for block in blocks:
        left = block
        while left or (begun and not decompressor.needs_input):
            if not begun:
                left = left.lstrip(b"\0")
                if not left:
                    break
                decompressor, begun = make(), True
            if output := _step(name, decompressor, left):
                yield output
            left = b""
            if decompressor.eof:
                left, begun = decompressor.unused_data, False
    if begun:
        raise ValueError(f"the {name} data ends too early")


def _step(name: str, decompressor: _Decompressor, data: bytes) -> bytes:
    try:
        return decompressor.decompress(data, _BLOCK_BYTES)
    except (zlib.error, lzma.LZMAError, OSError, EOFError) as error:
        raise ValueError(_problem(name, error)) from error


def _problem(name: str, error: Exception) -> str:
    text = str(error)
    if "limit" in text.lower() or "too much memory" in text:
        limit_mib = (_XZ_MEMORY_BYTES if name == "xz" else _ZST_WINDOW_BYTES) >> 20
        return f"to unpack the {name} data takes more than {limit_mib} MiB of memory; pack it with a smaller window"
    return f"the {name} data is damaged: {text}; where it is no {name} data, write it as it is (--as-is, unpack=False)"
