"""Whose content a disk's file has: its administrator's, or what leases have written.

An administrator's file may be looked at, to find a setting that does not fit it. What a lease wrote never is: a lessee
who writes the header of an image format onto a raw disk would decide what this host opens. So a file is marked before
the first lease gets it, with the format it has there, and what is marked is not looked at. The mark is an extended
attribute; where there are none, a file beside it that names the inode. docs/decisions/disk-formats.md has the reasons.
"""

import os
import stat
from contextlib import suppress
from pathlib import Path

from jumplab.system_errors import system_sentence
from jumplab_exporter.drivers.storage.qcow2 import Header, header_of
from jumplab_exporter.drivers.storage.settings import DiskFormat

ATTRIBUTE = "user.jumplab.disk"

_HEAD_BYTES = 80
_IMAGES = (
    (b"QFI\xfb", "a qcow2 image"),
    (b"QED\0", "a QED image"),
    (b"KDMV", "a VMDK image"),
    (b"vhdxfile", "a VHDX image"),
    (b"conectix", "a VHD image"),
    (b"\x3a\xff\x26\xed", "an Android sparse image"),
    (b"\xfd7zXZ\0", "compressed with xz"),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd"),
    (b"\x1f\x8b\x08", "compressed with gzip"),
)
_VDI_MAGIC, _VDI_MAGIC_AT = b"\x7f\x10\xda\xbe", 0x40


def refuse_other_format(path: Path, disk_format: DiskFormat, qcow2_advice: str) -> None:
    """Refuses an administrator's file that `format` does not fit. Raises ValueError, OSError.

    qcow2_advice: what to do with a qcow2 file where the disk is raw.
    """
    try:
        status = path.stat()
    except FileNotFoundError:
        return
    if not stat.S_ISREG(status.st_mode) or status.st_size == 0:
        return
    leased_as = _mark_of(path)
    if leased_as == disk_format:
        return
    if leased_as:
        raise ValueError(
            f"{path} was leased as a {leased_as} disk, and format is {disk_format}: what is in it is a lease's; "
            f"set format: {leased_as}, or make a new file"
        )
    if disk_format is DiskFormat.QCOW2:
        _require_qcow2(path)
    elif kind := _image_kind(path):
        if "qcow2" in kind:
            raise ValueError(f"{path} is {kind}, {qcow2_advice}")
        raise ValueError(f"{path} is {kind}, and format is raw; unpack or convert it first")


def mark_leased(path: Path, disk_format: DiskFormat) -> str:
    """Remembers that from now on its content is a lease's: why that can't be done, as a sentence, or ""."""
    if _mark_of(path) == disk_format:
        return ""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        with suppress(OSError):
            os.setxattr(descriptor, ATTRIBUTE, disk_format.value.encode())
            os.fsync(descriptor)
            return ""
        beside = _beside(path)
        beside.write_text(f"{disk_format.value} {os.fstat(descriptor).st_ino}\n")
    except OSError as error:
        with suppress(OSError):
            _beside(path).unlink()  # of a full disk: a part of a mark is none
        why = system_sentence(error)
        return f"{path} can't be marked as leased, neither by an attribute nor by a file beside it: {why}"
    finally:
        os.close(descriptor)
    return ""


def _mark_of(path: Path) -> str:
    """The format under which leases have had the file; empty where none had it."""
    with suppress(OSError):
        return os.getxattr(path, ATTRIBUTE).decode(errors="replace")
    with suppress(OSError, ValueError):
        leased_as, inode = _beside(path).read_text().split()
        if int(inode) == path.stat().st_ino:
            return leased_as
    return ""


def _beside(path: Path) -> Path:
    real = path.resolve()
    return real.with_name(f".{real.name}.jumplab")


def _require_qcow2(path: Path) -> None:
    try:
        header = header_of(path)
    except ValueError as error:
        raise ValueError(f"{path}: {error}, and format is qcow2; set format: raw, or name another file") from error
    _check_readable(path, header)


def _check_readable(path: Path, header: Header) -> None:
    if header.is_encrypted:
        raise ValueError(f"{path} is an encrypted qcow2 image, which can't be used as a disk")


def _image_kind(path: Path) -> str:
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    if head[_VDI_MAGIC_AT:].startswith(_VDI_MAGIC):
        return "a VDI image"
    return next((kind for magic, kind in _IMAGES if head.startswith(magic)), "")
