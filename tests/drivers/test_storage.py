"""Disks that are files."""

import hashlib
from pathlib import Path

import pytest

from jumplab.driver import errors
from jumplab.testing import serve_async
from jumplab_exporter.drivers.storage.disk import FileDisk


async def test_what_is_written_is_what_is_read(tmp_path: Path) -> None:
    source, copy = tmp_path / "source", tmp_path / "copy"
    source.write_bytes(bytes(range(256)) * 5000)
    async with serve_async(disk=FileDisk(size_mib=4)) as board:
        written = await board.disk.write_file(source, offset_bytes=512)
        assert written.size_bytes == 1_280_000
        assert written.sha256 == hashlib.sha256(source.read_bytes()).hexdigest()
        await board.disk.read_file(copy, offset_bytes=512, size_bytes=1_280_000)
    assert copy.read_bytes() == source.read_bytes()


async def test_a_disk_with_a_path_stays_and_keeps_its_size(tmp_path: Path) -> None:
    path, source = tmp_path / "disk.img", tmp_path / "source"
    source.write_bytes(b"kept")
    async with serve_async(disk=FileDisk(path=path, size_mib=1)) as board:
        await board.disk.write_file(source)
    async with serve_async(disk=FileDisk(path=path, size_mib=7)) as board:
        assert await board.disk.size() == 1 << 20
    assert path.read_bytes()[:5] == b"kept\0"


async def test_what_does_not_fit_is_refused(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"x" * (1 << 20))
    async with serve_async(disk=FileDisk(size_mib=1)) as board:
        with pytest.raises(errors.CallRefused, match="the disk has 1048576 bytes"):
            await board.disk.write_file(source, offset_bytes=1)
        with pytest.raises(errors.CallRefused, match="offset_bytes is -1"):
            await board.disk.write_file(source, offset_bytes=-1)
        with pytest.raises(errors.CallRefused, match="there are no 2 from 1048575 on"):
            await board.disk.read_file(tmp_path / "copy", offset_bytes=1048575, size_bytes=2)


async def test_a_disk_in_use_is_not_written(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"x")
    async with serve_async(disk=FileDisk(size_mib=1, why_in_use=lambda: "the board is on")) as board:
        with pytest.raises(errors.CallRefused, match="the board is on"):
            await board.disk.write_file(source)


async def test_a_disk_that_can_not_be_opened_fails_the_driver(tmp_path: Path) -> None:
    with pytest.raises(errors.DriverFailed, match=r"No such file or directory: .*nowhere/disk\.img"):
        async with serve_async(disk=FileDisk(path=tmp_path / "nowhere" / "disk.img")):
            pass
