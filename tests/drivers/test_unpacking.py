"""How uploads are unpacked: by their first bytes, bounded, and to the end."""

import bz2
import gzip
import lzma
import random
import struct
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from io import BytesIO

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from jumplab.drivers.storage.packing import least_unpacked_bytes, packing_of
from jumplab_exporter.drivers.storage.unpacking import Image, unpacked
from tests.drivers.disks import MIB, sparse_image

RAW, FILL, DONT_CARE, CRC32 = 0xCAC1, 0xCAC2, 0xCAC3, 0xCAC4
CONTENT = random.Random(1).randbytes(300_000) + bytes(3 * MIB) + b"the end"
PACK: dict[str, Callable[[bytes], bytes]] = {
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zst": zstandard.ZstdCompressor().compress,
}


def in_blocks(data: bytes, size_bytes: int = 100_000) -> Iterator[bytes]:
    for start in range(0, len(data), size_bytes):
        yield data[start : start + size_bytes]


def unpack(data: bytes, block_bytes: int = 100_000) -> Image:
    return unpacked(in_blocks(data, block_bytes), lambda _first, _blocks: pytest.fail("this is no qcow2 image"))


def content(image: Image) -> bytes:
    return b"".join(image.blocks)


@pytest.mark.parametrize("name", PACK)
def test_compressed_data_is_unpacked(name: str) -> None:
    image = unpack(PACK[name](CONTENT))
    assert image.format == name
    assert content(image) == CONTENT


@pytest.mark.parametrize("name", PACK)
@given(pieces=st.lists(st.binary(min_size=1, max_size=50), min_size=1, max_size=4), block_bytes=st.integers(1, 40))
def test_several_streams_are_one_content(name: str, pieces: list[bytes], block_bytes: int) -> None:
    data = PACK[name](b"not an image") + b"".join(PACK[name](piece) for piece in pieces)
    assert content(unpack(data, block_bytes)) == b"not an image" + b"".join(pieces)


@pytest.mark.parametrize("name", ["gz", "xz"])
def test_padding_between_streams_is_skipped(name: str) -> None:
    assert content(unpack(PACK[name](b"one") + bytes(8) + PACK[name](b"two") + bytes(512))) == b"onetwo"


@pytest.mark.parametrize("name", PACK)
def test_data_that_ends_too_early_is_told(name: str) -> None:
    with pytest.raises(ValueError, match=f"the {name} data ends too early"):
        content(unpack(PACK[name](CONTENT)[:-9]))


@pytest.mark.parametrize("name", PACK)
def test_damaged_data_is_told(name: str) -> None:
    packed = bytearray(
        zstandard.ZstdCompressor(write_checksum=True).compress(CONTENT) if name == "zst" else PACK[name](CONTENT)
    )
    packed[len(packed) // 2] ^= 0xFF
    with pytest.raises(ValueError, match=f"the {name} data is damaged"):
        content(unpack(bytes(packed)))


@pytest.mark.parametrize("name", PACK)
def test_a_bomb_is_unpacked_in_bounded_memory(name: str) -> None:
    bomb = PACK[name](bytes(256 * MIB))
    tracemalloc.start()
    try:
        blocks = unpack(bomb).blocks
        assert sum(map(len, blocks)) == 256 * MIB
        assert tracemalloc.get_traced_memory()[1] < 64 * MIB
    finally:
        tracemalloc.stop()


def test_data_that_takes_too_much_memory_to_unpack_is_refused() -> None:
    small = bytearray(lzma.compress(b"x" * 100, filters=[{"id": lzma.FILTER_LZMA2, "dict_size": 1 << 16}]))
    # The header says how large the dictionary is, whatever was needed: the property byte of LZMA2.
    position = small.index(b"\x21\x01", 12) + 2
    small[position] = 36  # 1 GiB
    header_bytes = (small[12] + 1) * 4
    small[12 + header_bytes - 4 : 12 + header_bytes] = struct.pack("<I", zlib.crc32(small[12 : 12 + header_bytes - 4]))
    with pytest.raises(ValueError, match="takes more than 256 MiB of memory"):
        content(unpack(bytes(small)))
    window = zstandard.ZstdCompressionParameters(window_log=28, enable_ldm=True)
    packer = zstandard.ZstdCompressor(compression_params=window).compressobj()
    with pytest.raises(ValueError, match="takes more than 128 MiB of memory"):
        content(unpack(packer.compress(b"x" * 1000) + packer.flush()))


def test_a_sparse_image_becomes_what_it_stands_for() -> None:
    image = unpack(
        sparse_image(
            (RAW, 1, b"a" * 4096), (DONT_CARE, 2, b""), (FILL, 300, b"abcd"), (CRC32, 0, b"1234"), (RAW, 1, b"z" * 4096)
        )
    )
    assert (image.format, image.size_bytes) == ("sparse", 304 * 4096)
    assert content(image) == b"a" * 4096 + bytes(8192) + b"abcd" * (300 * 1024) + b"z" * 4096


def test_a_compressed_sparse_image_is_unpacked_twice() -> None:
    image = unpack(gzip.compress(sparse_image((RAW, 1, b"a" * 4096))))
    assert (image.format, content(image)) == ("gz+sparse", b"a" * 4096)


def test_what_is_compressed_twice_is_unpacked_once() -> None:
    inner = gzip.compress(b"x")
    assert content(unpack(lzma.compress(inner))) == inner


@pytest.mark.parametrize(
    ("image", "said"),
    [
        (sparse_image((RAW, 1, b"a" * 4096))[:-1], "ends too early"),
        (sparse_image((RAW, 1, b"a" * 4000)), "chunk 0 has 4000 bytes, not 4096"),
        (sparse_image((0xBAD, 1, b"")), "chunk 0 is of the unknown kind 0xbad"),
        (sparse_image((FILL, 9, b"abcd"), blocks=3), "chunk 0 is beyond its end"),
        (sparse_image((FILL, 2, b"abcd"), blocks=3), "has 2 of 3 blocks"),
        (sparse_image((FILL, 2, b"abcd"), block_bytes=0), "its blocks have 0 bytes"),
        (sparse_image((FILL, 2, b"abcd"), block_bytes=5), "its blocks have 5 bytes"),
        (b"\x3a\xff\x26\xed\x01\x00" + bytes(100), "is of a kind that is not known here"),
        (b"\x3a\xff\x26\xed\x01\x00", "ends too early"),
    ],
)
def test_a_damaged_sparse_image_is_told(image: bytes, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        content(unpack(image))


@pytest.mark.parametrize(
    "data", [b"", b"x", b"BZh", b"\x3a\xff\x26\xed\x09\x00 ", b"BZhello world", b"PK\3\4", bytes(512), b"QFI\xfa"]
)
def test_what_is_nothing_of_these_is_left_as_it_is(data: bytes) -> None:
    image = unpack(data)
    assert (image.format, content(image)) == ("raw", data)


@given(st.binary(max_size=200))
def test_any_bytes_become_something_or_a_sentence(data: bytes) -> None:
    for magic in (b"\x1f\x8b\x08", b"BZh91AY&SY", b"\xfd7zXZ\x00", b"\x28\xb5\x2f\xfd", b"\x3a\xff\x26\xed\x01\x00"):
        with suppress(ValueError):
            content(unpack(magic + data))


@pytest.mark.parametrize("name", ["gz", "xz", "zst"])
@pytest.mark.parametrize("size_bytes", [0, 1, 255, 256, 70_000, 3 * MIB])
def test_a_file_says_how_much_it_becomes(name: str, size_bytes: int) -> None:
    file = BytesIO(b"before" + PACK[name](bytes(size_bytes)))
    file.seek(6)
    assert least_unpacked_bytes(file, name) == size_bytes
    assert file.tell() == 6


def test_several_xz_streams_say_how_much_they_become_together() -> None:
    file = BytesIO(lzma.compress(bytes(1000)) + bytes(8) + lzma.compress(bytes(MIB)))
    assert least_unpacked_bytes(file, "xz") == 1000 + MIB


@pytest.mark.parametrize("name", ["gz", "bz2", "xz", "zst", "sparse", "qcow2", "raw"])
@given(data=st.binary(max_size=100))
def test_a_file_that_says_nothing_sensible_says_nothing(name: str, data: bytes) -> None:
    found = least_unpacked_bytes(BytesIO(data), name)
    assert found is None or found >= 0


def test_the_name_of_a_packing_is_told_by_eight_bytes() -> None:
    for name, pack in PACK.items():
        assert packing_of(pack(b"x")[:8]) == name
