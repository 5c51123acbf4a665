"""Disks that are block devices: loop devices as the kernel has them, and what sysfs says of others."""
# ruff: noqa: ASYNC221, ASYNC240 - looks at local files, and runs what an administrator runs

import asyncio
import fcntl
import io
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jumplab.driver import errors, on_progress
from jumplab.testing import serve_async
from jumplab_exporter.drivers.board.virtual import VirtualBoard
from jumplab_exporter.drivers.storage import devices, medium, write_thread
from jumplab_exporter.drivers.storage.devices import DeviceRules, Kernel, judge, serial_of
from jumplab_exporter.drivers.storage.disk import FileDisk
from tests.drivers.disks import MIB, loop_device

needs_loop = pytest.mark.needs("loop")


@pytest.fixture
def device(tmp_path: Path) -> Iterator[Path]:
    with loop_device(tmp_path / "backing") as device:
        yield device


def refusal(path: Path, **settings: Any) -> str:
    """Why a driver of these settings can't be built."""
    with pytest.raises(errors.ConfigurationInvalid) as refused:
        FileDisk(path=path, **settings)
    return str(refused.value)


@needs_loop
async def test_a_device_is_written_read_and_verified(device: Path, tmp_path: Path) -> None:
    data = bytes(range(256)) * 4096
    async with serve_async(disk=FileDisk(path=device, allow_loop=True)) as board:
        assert await board.disk.size() == 4 * MIB
        assert (await board.disk.write(io.BytesIO(data), offset_bytes=512, verify=True)).verified
        copy = io.BytesIO()
        await board.disk.read(copy, offset_bytes=512, size_bytes=len(data))
        assert copy.getvalue() == data
        assert (tmp_path / "backing").read_bytes()[512 : 512 + len(data)] == data  # flushed
        with pytest.raises(errors.CallRefused, match="the disk has 4194304 bytes"):
            await board.disk.write(io.BytesIO(bytes(4 * MIB + 1)))


@needs_loop
def test_a_loop_device_is_refused_unless_it_is_allowed(device: Path) -> None:
    assert refusal(device) == f"{device} is a loop device; set allow_loop: true if leases may overwrite it"
    FileDisk(path=device, allow_loop=True)


@needs_loop
async def test_the_name_does_not_matter(device: Path, tmp_path: Path) -> None:
    link = tmp_path / "by-id"
    link.symlink_to(device)
    assert "is a loop device" in refusal(link)
    async with serve_async(disk=FileDisk(path=link, allow_loop=True)) as board:
        await board.disk.write(io.BytesIO(b"x"))


@needs_loop
def test_a_device_that_is_too_large_is_refused(device: Path) -> None:
    assert "has 4 MiB, more than max_size, 1 MiB" in refusal(device, allow_loop=True, max_size="1MiB")
    FileDisk(path=device, allow_loop=True, max_size="4MiB")


@needs_loop
async def test_a_device_without_a_medium_is_waited_for(tmp_path: Path) -> None:
    with loop_device(tmp_path / "empty", size_bytes=0) as device:
        async with serve_async(disk=FileDisk(path=device, allow_loop=True)) as board:
            with pytest.raises(errors.CallRefused, match=f"{device} has no size; is there a medium in it"):
                await board.disk.write(io.BytesIO(b"x"))
            with (tmp_path / "empty").open("wb") as card:
                card.truncate(MIB)
            subprocess.run(["losetup", "--set-capacity", device], check=True)
            await board.disk.write(io.BytesIO(b"x"))


@needs_loop
def test_a_device_with_another_serial_number_is_refused(device: Path) -> None:
    assert 'has no serial number, and serial is "0815"' in refusal(device, allow_loop=True, serial="0815")


@needs_loop
@pytest.mark.skipif(shutil.which("mkfs.ext4") is None, reason="mkfs.ext4 was not found: install e2fsprogs")
async def test_a_mounted_device_is_refused_however_it_was_mounted(device: Path, tmp_path: Path) -> None:
    subprocess.run(["mkfs.ext4", "-q", device], check=True)
    place = tmp_path / "a place"
    place.mkdir()
    async with serve_async(disk=FileDisk(path=device, allow_loop=True)) as board:
        subprocess.run(["mount", device, place], check=True)
        try:
            assert f"is mounted at {place}; unmount it" in refusal(device, allow_loop=True)
            with pytest.raises(errors.CallRefused, match=f"is mounted at {place}"):
                await board.disk.write(io.BytesIO(b"x"))
        finally:
            subprocess.run(["umount", place], check=True)
        await board.disk.write(io.BytesIO(b"x"))


@needs_loop
def test_swap_space_is_refused(device: Path) -> None:
    subprocess.run(["mkswap", device], check=True, capture_output=True)
    subprocess.run(["swapon", device], check=True)
    try:
        assert f"holds swap space, {device}" in refusal(device, allow_loop=True)
    finally:
        subprocess.run(["swapoff", device], check=True)


@needs_loop
async def test_a_device_that_another_program_has_is_refused(device: Path) -> None:
    other = os.open(device, os.O_RDWR | os.O_EXCL)
    try:
        with pytest.raises(errors.DriverFailed, match="is in use: another program has opened it for itself"):
            async with serve_async(disk=FileDisk(path=device, allow_loop=True)):
                pass
    finally:
        os.close(other)


@needs_loop
async def test_a_device_is_judged_again_each_time_it_is_opened(device: Path, tmp_path: Path) -> None:
    """As after a switch of a mux: the same name, another device behind it."""
    link = tmp_path / "by-path"
    link.symlink_to(device)
    disk = FileDisk(path=link, allow_loop=True, max_size="4MiB")
    with loop_device(tmp_path / "larger", 8 * MIB) as larger:
        async with serve_async(disk=disk) as board:
            await board.disk.write(io.BytesIO(b"x"))
            link.unlink()
            with pytest.raises(errors.CallBroken, match="there is no .*by-path: is it plugged in, and switched"):
                await board.disk.write(io.BytesIO(b"y"))
            link.symlink_to(larger)
            with pytest.raises(errors.CallRefused, match="has 8 MiB, more than max_size, 4 MiB"):
                await board.disk.write(io.BytesIO(b"y"))
            with pytest.raises(errors.CallRefused, match="has 8 MiB"):
                await board.disk.read(io.BytesIO())
            link.unlink()
            link.symlink_to(device)
            await board.disk.write(io.BytesIO(b"z"))


@needs_loop
async def test_a_device_has_one_call_at_a_time(device: Path) -> None:
    reading, writing = os.pipe()
    begun = asyncio.Event()
    with io.FileIO(reading) as source, on_progress(lambda _: begun.set()):
        async with serve_async(disk=FileDisk(path=device, allow_loop=True)) as board:
            writes = asyncio.create_task(board.disk.write(source))
            os.write(writing, b"x" * 1000)
            await begun.wait()
            with pytest.raises(errors.CallRefused, match="the disk is being read or written; try again when that has"):
                await board.disk.size()
            os.close(writing)
            await writes
            assert await board.disk.size() == 4 * MIB


@needs_loop
async def test_a_device_that_hangs_keeps_no_lease(device: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hanging, go_on = threading.Event(), threading.Event()

    def hang(self: medium.FileMedium) -> None:
        with self._writing:
            hanging.set()
            go_on.wait()

    monkeypatch.setattr(medium.FileMedium, "flush", hang)
    monkeypatch.setattr(write_thread, "_ABANDONING_BOUND_SECONDS", 0.0)
    try:
        async with serve_async(disk=FileDisk(path=device, allow_loop=True)) as board:
            writes = asyncio.create_task(board.disk.write(io.BytesIO(b"x")))
            await asyncio.to_thread(hanging.wait)
            writes.cancel()
            with pytest.raises(asyncio.CancelledError):
                await writes
            refused = "is being read or written"
            while "is being read or written" in refused:
                with pytest.raises(errors.CallRefused) as call:
                    await board.disk.size()
                refused = str(call.value)
            assert "is in use: another program has opened it for itself" in refused
    finally:
        go_on.set()


@needs_loop
async def test_what_is_written_is_flushed_and_forgotten(device: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[object] = []
    fsync, ioctl = os.fsync, fcntl.ioctl
    monkeypatch.setattr(os, "fsync", lambda descriptor: (calls.append("fsync"), fsync(descriptor))[1])
    monkeypatch.setattr(fcntl, "ioctl", lambda *call: (calls.append(call[1]), ioctl(*call))[1])
    async with serve_async(disk=FileDisk(path=device, allow_loop=True)) as board:
        calls.clear()
        await board.disk.write(io.BytesIO(b"x"))
    assert calls[-2:] == ["fsync", 0x1261]  # BLKFLSBUF


@needs_loop
def test_a_partition_is_refused(tmp_path: Path) -> None:
    with loop_device(tmp_path / "backing", 8 * MIB) as device:
        subprocess.run(["addpart", device, "1", "2048", "4096"], check=True)  # no table: not each kernel can read one
        partition = tmp_path / "partition"
        number = Path(f"/sys/block/{device.name}/{device.name}p1/dev").read_text()
        os.mknod(partition, 0o60600, os.makedev(*map(int, number.split(":"))))
        try:
            assert f"is a partition; name the whole disk, {device.name}" in refusal(partition, allow_loop=True)
        finally:
            subprocess.run(["delpart", device, "1"], check=True)


def test_the_root_file_system_s_disk_is_refused_by_everything() -> None:
    number = Path("/").stat().st_dev
    if not os.path.exists(f"/sys/dev/block/{os.major(number)}:{os.minor(number)}"):
        pytest.skip("the root file system of this machine is on no block device")
    with pytest.raises(ValueError, match="holds the host's own root file system|is a partition|is a virtual device"):
        judge(number, DeviceRules(allow_fixed=True, allow_loop=True))


async def test_a_device_that_is_not_there_yet_is_waited_for(caplog: pytest.LogCaptureFixture) -> None:
    path = Path("/dev/disk/by-id/usb-nothing-like-this")
    async with serve_async(disk=FileDisk(path=path)) as board:
        with pytest.raises(errors.CallBroken, match=f"there is no {path}: is it plugged in, and switched"):
            await board.disk.size()
    assert f"there is no {path}" in caplog.text
    assert not path.exists()


def test_settings_of_devices_are_for_devices(tmp_path: Path) -> None:
    path = tmp_path / "disk.img"
    path.touch()
    assert "is a file; serial, max_size, allow_fixed and allow_loop are for devices" in refusal(path, serial="1")
    with pytest.raises(errors.ConfigurationInvalid, match="are for a disk that is named"):
        FileDisk(allow_fixed=True)


@needs_loop
def test_a_device_is_raw_and_no_virtual_board_s(device: Path) -> None:
    assert "is a device; its format is raw" in refusal(device, allow_loop=True, format="qcow2")
    with pytest.raises(errors.ConfigurationInvalid, match="is a device; the disk of a virtual board is a file"):
        VirtualBoard(disk=device)


class Sysfs:
    """A tree as the kernel's, for devices that this machine does not have."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.kernel = Kernel(folder, folder / "mountinfo", folder / "swaps", folder)
        (folder / "dev/block").mkdir(parents=True)
        (folder / "mountinfo").write_text("")
        (folder / "swaps").write_text("Filename Type Size Used Priority\n")

    def add(self, path: str, number: str, **files: str) -> Path:
        device = self.folder / "devices" / path
        device.mkdir(parents=True)
        for name, text in {"dev": number, "removable": "0", "size": "8192", **files}.items():
            (device / name).write_text(f"{text}\n")
        (self.folder / "dev/block" / number).symlink_to(device)
        return device

    def judged(self, number: str, **rules: Any) -> str:
        major, minor = map(int, number.split(":"))
        try:
            judge(os.makedev(major, minor), DeviceRules(**rules), self.kernel)
        except ValueError as error:
            return str(error)
        return "a disk"


@pytest.fixture
def sysfs(tmp_path: Path) -> Sysfs:
    return Sysfs(tmp_path / "sys")


def test_a_removable_disk_is_one_and_a_fixed_one_if_it_is_allowed(sysfs: Sysfs) -> None:
    sysfs.add("pci/usb1/host/block/sda", "8:0", removable="1")
    sysfs.add("pci/ata1/block/sdb", "8:16")
    assert sysfs.judged("8:0") == "a disk"
    assert "is a fixed disk, not a removable one; set allow_fixed: true" in sysfs.judged("8:16")
    assert sysfs.judged("8:16", allow_fixed=True) == "a disk"
    assert "is not known to the kernel" in sysfs.judged("8:32")


@pytest.mark.parametrize("name", ["dm-0", "md127", "zram0", "ram0", "nbd0"])
def test_what_the_kernel_makes_up_is_no_disk(sysfs: Sysfs, name: str) -> None:
    sysfs.add(f"virtual/block/{name}", "253:0", removable="1")
    assert "is a virtual device" in sysfs.judged("253:0", allow_fixed=True, allow_loop=True)


def test_a_disk_whose_partition_is_used_is_refused(sysfs: Sysfs) -> None:
    disk = sysfs.add("pci/block/sda", "8:0", removable="1")
    part = sysfs.add("pci/block/sda/sda1", "8:1", partition="1")
    sysfs.kernel.mounts.write_text("36 35 8:1 / /a\\040place rw shared:1 - ext4 /dev/sda1 rw\n")
    assert "is mounted at /a place" in sysfs.judged("8:0")
    sysfs.kernel.mounts.write_text("")
    (part / "holders/dm-0").mkdir(parents=True)
    assert "is part of dm-0" in sysfs.judged("8:0")
    assert "name the whole disk, sda" in sysfs.judged("8:1")
    assert disk.exists()


def test_the_root_file_system_is_found_below_what_it_is_on(sysfs: Sysfs, monkeypatch: pytest.MonkeyPatch) -> None:
    sysfs.add("pci/block/sda", "8:0", removable="1")
    part = sysfs.add("pci/block/sda/sda3", "8:3", partition="3")
    number = sysfs.folder.stat().st_dev
    mapped = sysfs.add("virtual/block/dm-0", f"{os.major(number)}:{os.minor(number)}")
    (mapped / "slaves").mkdir()
    (mapped / "slaves/sda3").symlink_to(part)
    assert "holds the host's own root file system" in sysfs.judged("8:0", allow_fixed=True)


def test_a_reader_without_a_card_is_told(sysfs: Sysfs) -> None:
    sysfs.add("pci/block/sda", "8:0", removable="1", size="0")
    assert "has no size; is there a medium in it?" in sysfs.judged("8:0")


def test_the_serial_number_is_found_where_each_bus_has_it(sysfs: Sysfs) -> None:
    nvme = sysfs.add("pci/nvme/nvme0/nvme0n1", "259:0", serial="  S5GX  ")
    assert serial_of(nvme) == "S5GX"
    card = sysfs.add("pci/mmc0/block/mmcblk0", "179:0")
    (card / "device").mkdir()
    (card / "device/serial").write_text("0x1234\n")
    assert serial_of(card) == "0x1234"
    sata = sysfs.add("pci/ata1/block/sda", "8:0")
    (sata / "device").mkdir()
    (sata / "device/vpd_pg80").write_bytes(b"\0\x80\0\x06WD-123")
    assert serial_of(sata) == "WD-123"
    usb = sysfs.folder / "devices/pci/usb1/1-4"
    stick = sysfs.add("pci/usb1/1-4/1-4:1.0/host6/target6/6:0:0:0/block/sdb", "8:16", removable="1")
    (stick / "device").symlink_to(stick.parent.parent)
    (usb / "idVendor").write_text("0951\n")
    (usb / "serial").write_text("E0D55E\n")
    assert serial_of(stick) == "E0D55E"
    assert sysfs.judged("8:16", serial="E0D55E") == "a disk"
    assert 'has the serial number "E0D55E", and serial is "other"' in sysfs.judged("8:16", serial="other")


def test_names_in_proc_are_read_as_they_are_meant() -> None:
    assert devices._unescaped("/a\\040b\\134c") == "/a b\\c"
