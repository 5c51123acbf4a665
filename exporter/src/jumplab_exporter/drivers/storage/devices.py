"""Judges block devices: whether one is a disk that leases may overwrite.

By its major and minor number, never by a name: names move from one device to another. What is asked is the kernel's
own: sysfs, the mounts and swaps of /proc.
"""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from jumplab.protocol.sizes import format_size

_LOOP_MAJOR = 7
_SECTOR_BYTES = 512
_SERIAL_PAGE_HEADER_BYTES = 4
_UP = 8  # folders between a disk and the USB device that it belongs to, generously

_ESCAPED = {"\\040": " ", "\\011": "\t", "\\012": "\n", "\\134": "\\"}


class NoMedium(ValueError):
    """The device is there, and nothing is in it: a card may still come."""


@dataclass(frozen=True, slots=True)
class DeviceRules:
    """Which device a disk may be. serial: the serial number that it must have; None: any."""

    allow_fixed: bool = False
    allow_loop: bool = False
    max_size_bytes: int | None = None
    serial: str | None = None


@dataclass(frozen=True, slots=True)
class Kernel:
    """Where the kernel tells of its devices."""

    sysfs: Path = Path("/sys")
    mounts: Path = Path("/proc/self/mountinfo")
    swaps: Path = Path("/proc/swaps")
    root: Path = Path("/")


def judge(device: int, rules: DeviceRules, kernel: Kernel = Kernel()) -> None:
    """Raises ValueError, which says why the block device of this number is no disk for leases, and what to set.

    The sentence goes on from the device's name: "is mounted at /boot".
    """
    folder = _folder(device, kernel)
    if not folder.exists():
        raise ValueError("is not known to the kernel; was it unplugged?")
    _require_whole_disk(folder, rules)
    _require_unused(folder, kernel)
    if not rules.allow_fixed and not _is_loop(folder) and _text(folder / "removable") != "1":
        raise ValueError("is a fixed disk, not a removable one; set allow_fixed: true if leases may overwrite it")
    _require_size(folder, rules)
    _require_serial(folder, rules)


def require_unused(device: int, kernel: Kernel = Kernel()) -> None:
    """Raises ValueError where the host itself uses the block device of this number; the sentence is as of `judge`."""
    folder = _folder(device, kernel)
    if folder.exists():
        _require_unused(folder, kernel)


def serial_of(disk: Path) -> str:
    """The serial number of a disk, which is its folder in sysfs; empty where it has none."""
    for file in (disk / "serial", disk / "device" / "serial"):
        if serial := _text(file):
            return serial
    try:
        page = (disk / "device" / "vpd_pg80").read_bytes()
    except OSError:
        page = b""
    serial = page[_SERIAL_PAGE_HEADER_BYTES:].decode(errors="replace").strip("\0 ")
    return serial or _usb_serial((disk / "device").resolve())


def _folder(device: int, kernel: Kernel) -> Path:
    return (kernel.sysfs / "dev" / "block" / f"{os.major(device)}:{os.minor(device)}").resolve()


def _require_whole_disk(folder: Path, rules: DeviceRules) -> None:
    if (folder / "partition").exists():
        raise ValueError(f"is a partition; name the whole disk, {folder.parent.name}")
    if _is_loop(folder):
        if not rules.allow_loop:
            raise ValueError("is a loop device; set allow_loop: true if leases may overwrite it")
    elif "virtual" in folder.parts[-3:]:
        raise ValueError("is a virtual device of the kernel, not a disk; name the disk itself")


def _is_loop(folder: Path) -> bool:
    return _text(folder / "dev").startswith(f"{_LOOP_MAJOR}:")


def _require_unused(folder: Path, kernel: Kernel) -> None:
    parts = [folder, *(part.parent for part in folder.glob("*/partition"))]
    numbers = {_text(part / "dev") for part in parts}
    if numbers & set(_below(kernel.root.stat().st_dev, kernel)):
        raise ValueError("holds the host's own root file system")
    for number, source, place in _mounts(kernel):
        if number in numbers or _number_of(source) in numbers:
            raise ValueError(f"is mounted at {place}; unmount it, or name another disk")
    for source in _swaps(kernel):
        if _number_of(source) in numbers:
            raise ValueError(f"holds swap space, {source}; name another disk")
    holders = sorted(holder.name for part in parts for holder in part.glob("holders/*"))
    if holders:
        raise ValueError(f"is part of {', '.join(holders)}, which the kernel uses; name another disk")


def _require_size(folder: Path, rules: DeviceRules) -> None:
    size_bytes = int(_text(folder / "size") or 0) * _SECTOR_BYTES
    if size_bytes == 0:
        raise NoMedium("has no size; is there a medium in it?")
    if rules.max_size_bytes is not None and size_bytes > rules.max_size_bytes:
        found, most = format_size(size_bytes), format_size(rules.max_size_bytes)
        raise ValueError(f"has {found}, more than max_size, {most}; is it the right disk?")


def _require_serial(folder: Path, rules: DeviceRules) -> None:
    if rules.serial is None:
        return
    serial = serial_of(folder)
    if serial != rules.serial:
        found = f'the serial number "{serial}"' if serial else "no serial number"
        raise ValueError(f'has {found}, and serial is "{rules.serial}"; is it the right disk?')


def _usb_serial(device: Path) -> str:
    for folder in (device, *device.parents[:_UP]):
        if (folder / "idVendor").exists():
            return _text(folder / "serial")
    return ""


def _below(device: int, kernel: Kernel) -> Iterator[str]:
    """The numbers of the devices that one consists of, its own first."""
    yield f"{os.major(device)}:{os.minor(device)}"
    for slave in _folder(device, kernel).glob("slaves/*"):
        major, _, minor = _text(slave / "dev").partition(":")
        yield from _below(os.makedev(int(major), int(minor)), kernel)


def _mounts(kernel: Kernel) -> Iterator[tuple[str, str, str]]:
    """The device's number, the source and the place of each mount (proc_pid_mountinfo(5))."""
    for line in kernel.mounts.read_text(errors="surrogateescape").splitlines():
        fields = line.split(" ")
        yield fields[2], _unescaped(fields[fields.index("-") + 2]), _unescaped(fields[4])


def _swaps(kernel: Kernel) -> list[str]:
    try:
        lines = kernel.swaps.read_text(errors="surrogateescape").splitlines()[1:]
    except FileNotFoundError:
        return []  # a kernel without swap
    return [_unescaped(line.split()[0]) for line in lines]


def _unescaped(text: str) -> str:
    for escaped, character in _ESCAPED.items():
        text = text.replace(escaped, character)
    return text


def _number_of(source: str) -> str:
    """The number of the block device with this name; empty where there is none."""
    if not source.startswith("/"):
        return ""
    try:
        status = os.stat(source)
    except OSError:
        return ""
    return f"{os.major(status.st_rdev)}:{os.minor(status.st_rdev)}" if stat.S_ISBLK(status.st_mode) else ""


def _text(file: Path) -> str:
    try:
        return file.read_text(errors="replace").strip()
    except OSError:
        return ""
