"""Makes disk images with a FAT16 file system, for boards under test to list and to boot from."""

import struct
from collections.abc import Mapping

from jumplab_exporter.drivers.board.fat import (
    BOOT_RECORD,
    ENTRY_BYTES,
    LOWER_CASE_EXTENSION,
    LOWER_CASE_NAME,
    SECTOR_BYTES,
)

_ROOT_ENTRIES = 512
_RESERVED_SECTORS = 1
_FIXED_DISK = 0xF8
_LAST_CLUSTER = 0xFFFF
_MOST_CLUSTERS = 65_524
_BOOT_RECORD_END = struct.Struct("<HHIIBBBI11s8s")
_ENTRY = struct.Struct("<11sBBBHHHHHHHI")


def make_fat_image(files: Mapping[str, bytes], *, size_mib: int = 8) -> bytes:
    """A FAT16 image of `size_mib` (4 to 1024) with these files in its root folder.

    Names are lower-case 8.3 names. Raises ValueError where a name doesn't fit or the files are too large.
    """
    if not 4 <= size_mib <= 1024:
        raise ValueError(f"size_mib is {size_mib}; FAT16 needs 4 to 1024")
    sectors = size_mib * 1024 * 1024 // SECTOR_BYTES
    cluster_sectors = 1
    while sectors // cluster_sectors > _MOST_CLUSTERS:
        cluster_sectors *= 2
    table_sectors = -(-(sectors // cluster_sectors + 2) * 2 // SECTOR_BYTES)
    table, folder, data = _lay_out(files, cluster_sectors * SECTOR_BYTES)
    head = b"".join(
        (
            _boot_sector(sectors, cluster_sectors, table_sectors),
            2 * table.ljust(table_sectors * SECTOR_BYTES, b"\0"),
            folder.ljust(_ROOT_ENTRIES * ENTRY_BYTES, b"\0"),
        )
    )
    if len(head) + len(data) > sectors * SECTOR_BYTES:
        raise ValueError(f"the files need {len(data)} bytes; the image of {size_mib} MiB is too small")
    return (head + data).ljust(sectors * SECTOR_BYTES, b"\0")


def _boot_sector(sectors: int, cluster_sectors: int, table_sectors: int) -> bytes:
    small, large = (sectors, 0) if sectors < 0x10000 else (0, sectors)
    start = bytearray(
        BOOT_RECORD.pack(
            b"JUMPLAB ", SECTOR_BYTES, cluster_sectors, _RESERVED_SECTORS, 2, _ROOT_ENTRIES, small, _FIXED_DISK,
            table_sectors,
        )
    )  # fmt: skip
    start[:3] = b"\xeb\x3c\x90"
    rest = _BOOT_RECORD_END.pack(32, 2, 0, large, 0x80, 0, 0x29, 0x4A4C4142, b"JUMPLAB    ", b"FAT16   ")
    return (bytes(start) + rest).ljust(SECTOR_BYTES - 2, b"\0") + b"\x55\xaa"


def _lay_out(files: Mapping[str, bytes], cluster_bytes: int) -> tuple[bytes, bytes, bytes]:
    """The allocation table, the root folder and the clusters, each file in one piece after the other."""
    table = [0xFF00 | _FIXED_DISK, _LAST_CLUSTER]
    folder, data = bytearray(), bytearray()
    for name, content in files.items():
        count = -(-len(content) // cluster_bytes)
        first = len(table) if count else 0
        table.extend(range(len(table) + 1, len(table) + count))
        if count:
            table.append(_LAST_CLUSTER)
        lower_case = LOWER_CASE_NAME | LOWER_CASE_EXTENSION
        folder += _ENTRY.pack(_short(name), 0x20, lower_case, 0, 0, 0, 0, 0, 0, 0x21, first, len(content))
        data += content.ljust(count * cluster_bytes, b"\0")
    return struct.pack(f"<{len(table)}H", *table), bytes(folder), bytes(data)


def _short(name: str) -> bytes:
    base, _, extension = name.partition(".")
    if not base or len(base) > 8 or len(extension) > 3 or name != name.lower() or not name.isascii():
        raise ValueError(f"{name!r} is not a lower-case name of up to 8 characters and 3 after a dot")
    return base.upper().encode().ljust(8) + extension.upper().encode().ljust(3)
