"""Lists the files in the root folder of a FAT12 or FAT16 file system, as a boot loader would. Pure.

Follows Microsoft's "FAT: General Overview of On-Disk Format", version 1.03, without long names.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

SECTOR_BYTES = 512
ENTRY_BYTES = 32
ATTRIBUTE_FOLDER = 0x10
LOWER_CASE_NAME, LOWER_CASE_EXTENSION = 0x08, 0x10
BOOT_RECORD = struct.Struct("<3x8sHBHBHHBH")
_HIDDEN = 0x02 | 0x04 | 0x08  # hidden, system, volume label; a long name's parts have all of them


@dataclass(frozen=True, slots=True)
class File:
    """One entry of the root folder."""

    name: str
    size_bytes: int
    is_folder: bool = False


def list_root(disk: bytes) -> list[File] | None:
    """The root folder's entries; None if there is no FAT file system that this can read at the start of `disk`."""
    if len(disk) < SECTOR_BYTES or disk[510:512] != b"\x55\xaa":
        return None
    _, sector_bytes, _, reserved, tables, entries, _, _, table_sectors = BOOT_RECORD.unpack_from(disk)
    if sector_bytes not in (512, 1024, 2048, 4096) or not entries or not table_sectors:
        return None
    start = (reserved + tables * table_sectors) * sector_bytes
    return list(_files(disk[start : start + entries * ENTRY_BYTES]))


def _files(folder: bytes) -> Iterator[File]:
    for offset in range(0, len(folder) - ENTRY_BYTES + 1, ENTRY_BYTES):
        entry = folder[offset : offset + ENTRY_BYTES]
        if entry[0] == 0:
            return
        if entry[0] != 0xE5 and not entry[11] & _HIDDEN:
            (size,) = struct.unpack_from("<I", entry, 28)
            yield File(_name(entry), size, bool(entry[11] & ATTRIBUTE_FOLDER))


def _name(entry: bytes) -> str:
    name, extension = (part.decode("cp437").rstrip() for part in (entry[:8], entry[8:11]))
    if entry[12] & LOWER_CASE_NAME:
        name = name.lower()
    if entry[12] & LOWER_CASE_EXTENSION:
        extension = extension.lower()
    return f"{name}.{extension}" if extension else name
