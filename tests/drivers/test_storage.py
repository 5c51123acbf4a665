"""Disks that are files."""
# ruff: noqa: ASYNC230, ASYNC240 - looks at local files and pipes

import asyncio
import hashlib
import io
import os
import re
import resource
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from jumplab.driver import AsyncDriverClient, Driver, errors
from jumplab.drivers.storage import StorageInterface
from jumplab.testing import serve, serve_async
from jumplab_exporter.drivers.storage import medium
from jumplab_exporter.drivers.storage.disk import FileDisk
from tests.drivers.disks import MIB


@pytest.fixture
def disk_file(tmp_path: Path) -> Path:
    """A disk of 1 MiB with content that must stay."""
    path = tmp_path / "disk.img"
    path.write_bytes(b"kept" * (MIB // 4))
    return path


async def test_what_is_written_is_what_is_read(tmp_path: Path) -> None:
    source, copy = tmp_path / "source", tmp_path / "copy"
    source.write_bytes(bytes(range(256)) * 5000)
    async with serve_async(disk=FileDisk(size_mib=4)) as board:
        written = await board.disk.write_file(source, offset_bytes=512)
        assert written.size_bytes == 1_280_000
        assert written.sha256 == hashlib.sha256(source.read_bytes()).hexdigest()
        await board.disk.read_file(copy, offset_bytes=512, size_bytes=1_280_000)
    assert copy.read_bytes() == source.read_bytes()


def test_plain_code_writes_paths_and_open_files(tmp_path: Path) -> None:
    source, copy = tmp_path / "source", io.BytesIO()
    source.write_bytes(b"from a path")
    with serve(disk=FileDisk(size_mib=1)) as board:
        board.disk.write(source, verify=True)
        board.disk.write(io.BytesIO(b"from memory"), offset_bytes=512)
        with source.open("rb") as file:
            file.seek(7)
            assert board.disk.write(file, offset_bytes=1024).size_bytes == 4
        board.disk.read(copy, size_bytes=1028)
    assert copy.getvalue()[:11] == b"from a path"
    assert copy.getvalue()[512:523] == b"from memory"
    assert copy.getvalue()[1024:] == b"path"


async def test_a_pipe_of_unknown_size_is_written(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    with open(reading, "rb", buffering=0) as source, open(writing, "wb") as target:
        async with serve_async(disk=FileDisk(size_mib=1)) as board:
            target.write(b"through a pipe")
            target.close()
            assert (await board.disk.write(source)).size_bytes == 14


@pytest.mark.parametrize("buffering", [0, -1], ids=["unbuffered", "buffered"])
async def test_a_refusal_is_told_while_a_pipe_has_no_data_yet(buffering: int) -> None:
    reading, writing = os.pipe()
    with open(reading, "rb", buffering=buffering) as source, open(writing, "wb") as target:
        async with serve_async(disk=FileDisk(size_mib=1, why_in_use=lambda: "the board is on")) as board:
            with pytest.raises(errors.CallRefused, match="the board is on"):
                await board.disk.write(source)
        target.close()


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


async def test_an_image_that_is_too_large_leaves_the_disk_as_it_was(disk_file: Path, tmp_path: Path) -> None:
    before, source = disk_file.read_bytes(), tmp_path / "source"
    source.write_bytes(b"x" * (MIB + 1))
    async with serve_async(disk=FileDisk(path=disk_file)) as board:
        for unpack in (True, False):
            with pytest.raises(errors.CallRefused, match="the disk has 1048576 bytes; 1048577 bytes do not fit"):
                await board.disk.write(source, unpack=unpack)
        with pytest.raises(errors.CallRefused, match="do not fit"):
            await board.disk.write(io.BytesIO(b"x" * 512), offset_bytes=MIB - 511)
    assert disk_file.read_bytes() == before


async def test_a_pipe_that_says_its_size_is_refused_before_its_first_byte(disk_file: Path) -> None:
    before = disk_file.read_bytes()
    reading, writing = os.pipe()
    with open(reading, "rb", buffering=0) as source, open(writing, "wb") as target:
        async with serve_async(disk=FileDisk(path=disk_file)) as board:
            with pytest.raises(errors.CallRefused, match="the disk has 1048576 bytes; 2097152 bytes do not fit"):
                await board.disk.write(source, size_bytes=2 * MIB, unpack=False)
        target.close()
    assert disk_file.read_bytes() == before


async def test_data_that_is_longer_than_the_disk_says_how_much_was_written() -> None:
    data = iter([b"x" * MIB, b"y"])

    class Endless(io.RawIOBase):
        def read(self, size: int = -1) -> bytes:
            return next(data, b"")

    async with serve_async(disk=FileDisk(size_mib=1)) as board:
        with pytest.raises(errors.CallRefused, match=r"do not fit; (nothing was|\d+ bytes were) written"):
            await board.disk.write(Endless())


async def test_data_that_is_not_as_long_as_announced_is_refused() -> None:
    async with serve_async(disk=FileDisk(size_mib=1)) as board:
        with pytest.raises(errors.CallRefused, match="3 bytes came, and 5 were announced.*; 3 bytes were written"):
            await board.disk.write(io.BytesIO(b"abc"), size_bytes=5)


async def test_a_disk_in_use_is_not_written(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"x")
    async with serve_async(disk=FileDisk(size_mib=1, why_in_use=lambda: "the board is on")) as board:
        with pytest.raises(errors.CallRefused, match="the board is on"):
            await board.disk.write_file(source)


class PowerOn:
    """A board that is switched on while its disk is written."""

    on = False

    def why(self) -> str:
        return "the board is on" if self.on else ""


@pytest.fixture
def slow_pipe() -> Iterator[tuple[io.FileIO, int]]:
    reading, writing = os.pipe()
    with io.FileIO(reading) as source:
        yield source, writing
        os.close(writing)


async def written(board: AsyncDriverClient, size_bytes: int) -> None:
    copy = io.BytesIO()
    while copy.getvalue()[:size_bytes] != b"x" * size_bytes:
        copy = io.BytesIO()
        await board.disk.read(copy)


async def test_a_board_that_is_switched_on_meanwhile_interrupts_the_write(slow_pipe: tuple[io.FileIO, int]) -> None:
    source, writing = slow_pipe
    power = PowerOn()
    async with serve_async(disk=FileDisk(size_mib=1, why_in_use=power.why)) as board:
        writes = asyncio.create_task(board.disk.write(source))
        os.write(writing, b"x" * 1000)
        await written(board, 1000)
        power.on = True
        os.write(writing, b"x")
        with pytest.raises(errors.CallRefused, match="the board is on; 1000 bytes were written from offset 0 on"):
            await writes


async def test_a_cancelled_write_is_over_and_logged_with_its_size(
    slow_pipe: tuple[io.FileIO, int], caplog: pytest.LogCaptureFixture
) -> None:
    source, writing = slow_pipe
    async with serve_async(disk=FileDisk(size_mib=1)) as board:
        writes = asyncio.create_task(board.disk.write(source))
        os.write(writing, b"x" * 1000)
        await written(board, 1000)
        writes.cancel()
        with pytest.raises(asyncio.CancelledError):
            await writes
        await board.disk.write(io.BytesIO(b"again"))
    assert "a write was interrupted; 1000 bytes were written from offset 0 on" in caplog.text


async def test_a_host_that_takes_no_more_says_how_much_was_written(tmp_path: Path) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    async with serve_async(disk=FileDisk(path=tmp_path / "disk.img", size_mib=4)) as board:
        resource.setrlimit(resource.RLIMIT_FSIZE, (2 * MIB + 1000, limits[1]))
        try:
            with pytest.raises(
                errors.CallBroken, match="the disk can't be written: File too large; 2098152 bytes were written"
            ):
                await board.disk.write(io.BytesIO(b"x" * 4 * MIB))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)


async def test_a_disk_that_forgets_is_told_with_the_place(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = medium.FileMedium.write

    def lossy(self: medium.FileMedium, data: memoryview, position: int) -> int:
        written = honest(self, data, position)
        if position <= 3 * MIB < position + written:
            os.pwrite(self.descriptor, b"?", 3 * MIB)
        return written

    monkeypatch.setattr(medium.FileMedium, "write", lossy)
    async with serve_async(disk=FileDisk(size_mib=8)) as board:
        await board.disk.write(io.BytesIO(bytes(4 * MIB)))
        with pytest.raises(errors.CallBroken, match="it differs between bytes 3145728 and 4194303; 4194304 bytes were"):
            await board.disk.write(io.BytesIO(bytes(4 * MIB)), verify=True)


async def test_what_was_read_back_is_said() -> None:
    async with serve_async(disk=FileDisk(size_mib=1)) as board:
        assert not (await board.disk.write(io.BytesIO(b"x"))).verified
        assert (await board.disk.write(io.BytesIO(b"x" * 1000), offset_bytes=7, verify=True)).verified


async def test_a_refused_read_leaves_the_local_file_as_it_was(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    old.write_text("precious")
    async with serve_async(disk=FileDisk(size_mib=1)) as board:
        for copy in (old, new):
            with pytest.raises(errors.CallRefused, match="offset_bytes is 1048577"):
                await board.disk.read(copy, offset_bytes=MIB + 1)
        assert old.read_text() == "precious"
        assert not new.exists()
        await board.disk.read(old, offset_bytes=MIB)
        await board.disk.read(new, offset_bytes=MIB)
    assert old.read_bytes() == new.read_bytes() == b""


@pytest.mark.parametrize("kind", ["folder", "FIFO", "socket", "character device"])
async def test_what_is_no_disk_is_refused_by_name(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "disk"
    with socket.socket(socket.AF_UNIX) as unix:
        match kind:
            case "folder":
                path.mkdir()
            case "FIFO":
                os.mkfifo(path)
            case "socket":
                unix.bind(str(path))
            case _:
                path = Path("/dev/null")
        with pytest.raises(errors.ConfigurationInvalid, match=re.escape(f"{path} is a {kind}; a disk is a file or")):
            FileDisk(path=path)


async def test_a_disk_that_can_not_be_opened_fails_the_driver(tmp_path: Path) -> None:
    with pytest.raises(errors.DriverFailed, match=r"nowhere/disk\.img: No such file or directory"):
        async with serve_async(disk=FileDisk(path=tmp_path / "nowhere" / "disk.img")):
            pass


class OldDisk(StorageInterface, Driver):
    """A driver that was written when `write` had an offset alone."""

    content = b""
    loses = False

    async def write(self, stream, *, offset_bytes=0):  # type: ignore[no-untyped-def, override]
        from jumplab.drivers.storage import Digest

        received = b""
        while data := await stream.receive():
            received += data
        type(self).content = received[:-1] + b"?" if self.loses else received
        return Digest(size_bytes=len(received), sha256=hashlib.sha256(received).hexdigest())

    async def read(self, stream, *, offset_bytes=0, size_bytes=None):  # type: ignore[no-untyped-def, override]
        from jumplab.drivers.storage import Digest

        data = self.content[offset_bytes:][:size_bytes]
        await stream.send(data)
        return Digest(size_bytes=len(data), sha256=hashlib.sha256(data).hexdigest())

    async def size(self) -> int:
        return len(self.content)


async def test_an_older_driver_goes_on_working() -> None:
    async with serve_async(disk=OldDisk()) as board:
        assert "unpack" not in board.disk.methods["write"]["arguments"]["properties"]
        written = await board.disk.write(io.BytesIO(b"x" * 1000), verify=True)
        assert (written.verified, written.format) == (True, "")
        with pytest.raises(errors.CallUnsupported, match="does not unpack: the data is gz; unpack it first"):
            await board.disk.write(io.BytesIO(b"\x1f\x8b\x08 and more"))
        await board.disk.write(io.BytesIO(b"\x1f\x8b\x08 and more"), unpack=False)


async def test_an_older_driver_that_loses_something_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(OldDisk, "loses", True)
    async with serve_async(disk=OldDisk()) as board:
        with pytest.raises(
            errors.CallBroken, match="does not hold what was written: it differs between bytes 0 and 999"
        ):
            await board.disk.write(io.BytesIO(b"x" * 1000), verify=True)


async def test_an_older_client_writes_packed_data_as_it_is(disk_file: Path) -> None:
    packed = b"\x1f\x8b\x08 this only begins like gzip"
    async with serve_async(disk=FileDisk(path=disk_file)) as board, board.disk.open("write", offset_bytes=0) as stream:
        await stream.send(packed)
        await stream.send_end()
        await stream.result()
    assert disk_file.read_bytes().startswith(packed)


async def test_a_source_that_can_not_be_read_is_named(tmp_path: Path) -> None:
    async with serve_async(disk=FileDisk(size_mib=1)) as board:
        with pytest.raises(IsADirectoryError, match=re.escape(str(tmp_path))):
            await board.disk.write(tmp_path)
        with pytest.raises(FileNotFoundError, match="nothing"):
            await board.disk.write(tmp_path / "nothing")


async def test_what_is_no_binary_file_is_told() -> None:
    async with serve_async(disk=FileDisk(size_mib=1)) as board:
        with pytest.raises(
            errors.BadArguments, match="this is a bytes object; give a path, a file that is open as binary"
        ):
            await board.disk.write(b"abc")
        with pytest.raises(errors.BadArguments, match="this is a file that is open as text"):
            await board.disk.write(io.StringIO("abc"))
        with pytest.raises(errors.BadArguments, match="this is a file that is open as text"):
            await board.disk.read(io.StringIO())


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="there is no /proc")
async def test_files_that_say_a_wrong_size_are_read_to_their_end() -> None:
    async with serve_async(disk=FileDisk(size_mib=1)) as board:
        for path in ("/proc/self/status", "/proc/self/maps", "/dev/null"):
            await board.disk.write(path)
        with pytest.raises(errors.CallRefused, match="do not fit; 1048576 bytes were written from offset 0 on"):
            await board.disk.write("/dev/zero")


async def test_a_lease_that_ends_meanwhile_says_how_much_was_sent(slow_pipe: tuple[io.FileIO, int]) -> None:
    source, writing = slow_pipe
    async with asyncio.TaskGroup() as tasks:
        async with serve_async(disk=FileDisk(size_mib=1)) as board:
            os.write(writing, b"x" * 1000)
            failing = tasks.create_task(expect_failure(board, source))
            await written(board, 1000)
        assert "1000 bytes were sent" in str(await failing)


async def expect_failure(board: AsyncDriverClient, source: io.FileIO) -> errors.DriverError:
    with pytest.raises(errors.DriverError) as failed:
        await board.disk.write(source)
    return failed.value
