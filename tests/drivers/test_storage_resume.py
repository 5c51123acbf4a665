"""Writes and reads that broke off, and go on where they stopped."""
# ruff: noqa: ASYNC230, ASYNC240 - looks at local files and pipes

from __future__ import annotations

import asyncio
import gzip
import hashlib
import io
import logging
import lzma
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from jumplab.driver import AsyncDriverClient, ResultStream, errors, on_progress
from jumplab.testing import serve, serve_async
from jumplab_exporter.drivers.storage.disk import FileDisk
from tests.drivers.disks import MIB, loop_device, qemu_img, sparse_image


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "disk.img"


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """An image of 3 MiB that no packing makes smaller."""
    file = tmp_path / "image"
    file.write_bytes(os.urandom(3 * MIB))
    return file


@asynccontextmanager
async def half_written(
    board: AsyncDriverClient, data: bytes, of_bytes: int, **arguments: Any
) -> AsyncIterator[ResultStream]:
    """A write that has sent some bytes, of which the exporter has taken some, and sends no more."""
    taken = asyncio.Event()
    with on_progress(lambda _: taken.set()):
        async with board.disk.open("write", size_bytes=of_bytes, **arguments) as stream:
            await stream.send(data)
            await taken.wait()
            yield stream


async def interrupt(board: AsyncDriverClient, data: bytes, of_bytes: int, **arguments: Any) -> None:
    """As a client that is killed: its call is cancelled in the middle."""
    taken = asyncio.Event()

    async def write() -> None:
        async with half_written(board, data, of_bytes, **arguments) as stream:
            taken.set()
            await stream.result()

    writing = asyncio.create_task(write())
    await taken.wait()
    writing.cancel()
    await asyncio.wait([writing])


def counted() -> tuple[list[int], Callable[[int], None]]:
    """The numbers of bytes that a write says it has sent."""
    numbers: list[int] = []
    return numbers, numbers.append


@pytest.mark.parametrize("verify", [False, True])
async def test_a_write_that_broke_off_goes_on(path: Path, image: Path, verify: bool) -> None:
    data = image.read_bytes()
    async with serve_async(disk=FileDisk(path=path, size_mib=4)) as board:
        await interrupt(board, data[:MIB], len(data), unpack=True)
        found = await board.disk.interrupted_write()
        written = await board.disk.write(image, resume=True, verify=verify)
        assert await board.disk.interrupted_write() is None
    assert 0 < found.received_bytes <= MIB
    assert (written.size_bytes, written.sha256) == (len(data), hashlib.sha256(data).hexdigest())
    assert written.verified == verify
    assert path.read_bytes()[: len(data)] == data


def pack(packing: str, data: bytes, folder: Path) -> bytes:
    if packing == "qcow2":
        (folder / "raw").write_bytes(data)
        qemu_img("convert", "-f", "raw", "-O", "qcow2", folder / "raw", folder / "packed")
        return (folder / "packed").read_bytes()
    sparse = sparse_image((0xCAC1, len(data) // 4096, data), (0xCAC3, 1, b""))
    return {"gz": gzip.compress(data), "xz": lzma.compress(data, preset=0), "sparse": sparse}[packing]


@pytest.mark.parametrize("packing", ["gz", "xz", "sparse", pytest.param("qcow2", marks=pytest.mark.needs("qemu-img"))])
async def test_packed_data_goes_on_in_its_middle(packing: str, path: Path, tmp_path: Path) -> None:
    data = os.urandom(2 * MIB)
    packed = pack(packing, data, tmp_path)
    image = tmp_path / "image"
    image.write_bytes(packed)
    async with serve_async(disk=FileDisk(path=path, size_mib=4)) as board:
        await interrupt(board, packed[:1_000_001], len(packed), unpack=True)
        written = await board.disk.write(image, resume=True, verify=True)
    assert written.format == packing
    assert written.verified
    assert path.read_bytes()[: len(data)] == data


async def test_only_the_rest_is_sent(path: Path, image: Path) -> None:
    data = image.read_bytes()
    async with serve_async(disk=FileDisk(path=path, size_mib=4)) as board:
        await interrupt(board, data[: 2 * MIB], len(data), unpack=True)
        found = await board.disk.interrupted_write()
        async with board.disk.open("write", size_bytes=len(data), unpack=True, resume_sha256=found.sha256) as stream:
            await stream.send(data[found.received_bytes :])
            await stream.send_end()
            await stream.result()
    assert path.read_bytes()[: len(data)] == data


async def test_a_write_that_still_waits_for_its_client_is_taken_over(path: Path, image: Path) -> None:
    """As that of a client whose machine is gone: its session is kept for minutes."""
    data = image.read_bytes()
    async with (
        serve_async(disk=FileDisk(path=path, size_mib=4)) as board,
        half_written(board, data[:MIB], len(data), unpack=True) as stream,
    ):
        await board.disk.write(image, resume=True)
        with pytest.raises(errors.CallDisconnected, match=r"another client goes on with it; \d+ bytes were written"):
            await stream.result()
    assert path.read_bytes()[: len(data)] == data


CHANGES: dict[str, Callable[[bytes], bytes]] = {
    "begin": lambda data: b"?" + data[1:],
    "size": lambda data: data + b"?",
    "much shorter": lambda data: data[:1000],
}


@pytest.mark.parametrize("change", CHANGES)
async def test_a_changed_image_is_written_from_its_beginning(
    change: str, path: Path, image: Path, caplog: pytest.LogCaptureFixture
) -> None:
    data = image.read_bytes()
    async with serve_async(disk=FileDisk(path=path, size_mib=4)) as board:
        await interrupt(board, data[:MIB], len(data), unpack=True)
        image.write_bytes(CHANGES[change](data))
        written = await board.disk.write(image, resume=True)
    assert path.read_bytes()[: image.stat().st_size] == image.read_bytes()
    assert written.size_bytes == image.stat().st_size
    assert "writing from the beginning" in caplog.text


async def test_another_offset_or_nothing_to_go_on_with_begins_anew(
    path: Path, image: Path, caplog: pytest.LogCaptureFixture
) -> None:
    data = image.read_bytes()
    async with serve_async(disk=FileDisk(path=path, size_mib=4)) as board:
        await board.disk.write(image, resume=True)
        assert "there is no interrupted write; writing from the beginning" in caplog.text
        await interrupt(board, data[:MIB], len(data), unpack=True)
        await board.disk.write(image, offset_bytes=512, resume=True)
        assert "the interrupted write had another offset" in caplog.text
    assert path.read_bytes()[512:][: len(data)] == data


async def test_what_the_disk_does_not_hold_any_more_is_not_gone_on_with(path: Path, image: Path) -> None:
    data = image.read_bytes()
    async with serve_async(disk=FileDisk(path=path, size_mib=4)) as board:
        await interrupt(board, data[:MIB], len(data), unpack=True)
        await board.disk.interrupted_write()
        with path.open("r+b") as file:  # as a board that was switched on meanwhile
            file.write(bytes([data[0] ^ 1]))
        with pytest.raises(errors.CallRefused, match="does not hold any more what the interrupted write had written"):
            await board.disk.write(image, resume=True)
        await board.disk.write(image)


async def test_another_write_ends_what_could_be_gone_on_with(path: Path, image: Path) -> None:
    data = image.read_bytes()
    async with serve_async(disk=FileDisk(path=path, size_mib=4)) as board:
        await interrupt(board, data[:MIB], len(data), unpack=True)
        await board.disk.write(io.BytesIO(b"another"))
        assert await board.disk.interrupted_write() is None
        with pytest.raises(errors.CallRefused, match="there is no interrupted write that begins so"):
            async with board.disk.open("write", resume_sha256="0" * 64) as stream:
                await stream.result()


@pytest.mark.needs("loop")
async def test_a_device_is_free_in_between_and_judged_again(tmp_path: Path, image: Path) -> None:
    data = image.read_bytes()
    with loop_device(tmp_path / "card") as device:
        async with serve_async(disk=FileDisk(path=device, allow_loop=True)) as board:
            await interrupt(board, data[:MIB], len(data), unpack=True)
            await board.disk.interrupted_write()
            await asyncio.to_thread(os.close, os.open(device, os.O_RDWR | os.O_EXCL))
            assert (await board.disk.write(image, resume=True, verify=True)).verified
        assert (tmp_path / "card").read_bytes()[: len(data)] == data


async def test_a_pipe_with_the_same_begin_goes_on(path: Path, image: Path, caplog: pytest.LogCaptureFixture) -> None:
    data = image.read_bytes()

    async def piped(board: AsyncDriverClient, content: bytes) -> Any:
        reading, writing = os.pipe()
        with open(reading, "rb", buffering=0) as source:
            filling = asyncio.create_task(asyncio.to_thread(fill, writing, content))
            try:
                return await board.disk.write(source, size_bytes=len(data), resume=True)
            finally:
                source.close()
                await filling

    async with serve_async(disk=FileDisk(path=path, size_mib=4)) as board:
        await interrupt(board, data[:MIB], len(data), unpack=True)
        with pytest.raises(OSError, match="it is a pipe, whose begin is read already: write it once more"):
            await piped(board, b"?" + data[1:])
        assert (await piped(board, data)).sha256 == hashlib.sha256(data).hexdigest()


def fill(writing: int, content: bytes) -> None:
    with suppress(BrokenPipeError), open(writing, "wb") as target:
        target.write(content)


def test_a_read_goes_on_after_what_a_file_has(path: Path, tmp_path: Path) -> None:
    content, copy = os.urandom(4 * MIB), tmp_path / "copy"
    path.write_bytes(content)
    with serve(disk=FileDisk(path=path)) as board:
        for begin in (b"", content[512 : MIB + 7], content[512 : 512 + 2 * MIB]):
            copy.write_bytes(begin)
            received, count = counted()
            read = board.disk.read(copy, offset_bytes=512, size_bytes=2 * MIB, resume=True, progress=count)
            assert copy.read_bytes() == content[512 : 512 + 2 * MIB]
            assert (read.size_bytes, read.sha256) == (2 * MIB, hashlib.sha256(copy.read_bytes()).hexdigest())
            assert all(number > len(begin) for number in received)


@pytest.mark.parametrize("begin", [b"another", bytes(5 * MIB)], ids=["another", "too long"])
def test_a_file_with_another_content_is_read_from_its_beginning(
    begin: bytes, path: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    content, copy = os.urandom(4 * MIB), tmp_path / "copy"
    path.write_bytes(content)
    copy.write_bytes(begin)
    with serve(disk=FileDisk(path=path)) as board:
        board.disk.read(copy, resume=True)
    assert copy.read_bytes() == content
    assert "reading from the beginning" in caplog.text


def test_a_read_that_is_to_be_resumed_keeps_what_it_has_read(path: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    copy.write_bytes(bytes(1000))
    with serve(disk=FileDisk(path=path)) as board:
        with pytest.raises(errors.CallRefused):
            board.disk.read(copy, offset_bytes=1 << 40, resume=True)
        assert copy.stat().st_size == 1000
        for other in (io.BytesIO(), "/dev/null"):
            with pytest.raises(errors.BadArguments, match="can't be gone on with"):
                board.disk.read(other, resume=True)


async def test_a_session_that_ends_ends_what_could_be_gone_on_with(
    path: Path, image: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    data = image.read_bytes()
    for _ in range(2):
        async with serve_async(disk=FileDisk(path=path, size_mib=4)) as board:
            assert await board.disk.interrupted_write() is None
            await interrupt(board, data[:MIB], len(data), unpack=True)
            assert await board.disk.interrupted_write() is not None
