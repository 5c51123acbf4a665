"""What a console has said: memory first, then the disk, then a gap that is told."""

import asyncio
import os
import resource
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from jumplab.drivers.console import Gap
from jumplab_exporter.drivers.console.buffer import ConsoleBuffer, ConsoleReader

BLOCK = 16


def said(size: int, start: int = 0) -> bytes:
    """Bytes of which each shows its offset."""
    return bytes(offset % 251 for offset in range(start, start + size))


async def read_up_to(reader: ConsoleReader, end: int) -> tuple[bytes, list[Gap]]:
    """All that there is up to the offset `end`: the bytes, and the gaps between them."""
    data, gaps = b"", []
    while reader.offset < end:
        read = await reader.read()
        if isinstance(read, Gap):
            gaps.append(read)
        else:
            data += read
    return data, gaps


def buffer_of(tmp_path: Path, *, memory_blocks: int = 2, disk_blocks: int = 4) -> tuple[ConsoleBuffer, list[str]]:
    told: list[str] = []
    buffer = ConsoleBuffer(
        memory_blocks * BLOCK, disk_blocks * BLOCK, warn=told.append, folder=tmp_path, block_bytes=BLOCK
    )
    return buffer, told


@contextmanager
def disk_with_room_for(size: int) -> Iterator[None]:
    """The kernel refuses to let files grow further, as a full disk does."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


async def test_what_no_longer_fits_in_memory_is_read_from_the_disk(tmp_path: Path) -> None:
    buffer, _ = buffer_of(tmp_path)
    buffer.append(said(6 * BLOCK))
    assert await read_up_to(buffer.reader(0), 6 * BLOCK) == (said(6 * BLOCK), [])
    buffer.close()


async def test_what_no_longer_fits_on_the_disk_is_a_gap_with_its_size(tmp_path: Path) -> None:
    buffer, _ = buffer_of(tmp_path)
    buffer.append(said(10 * BLOCK))
    data, gaps = await read_up_to(buffer.reader(5), 10 * BLOCK)
    assert gaps == [Gap(5, 4 * BLOCK - 5)]
    assert data == said(6 * BLOCK, 4 * BLOCK)
    assert buffer.state.dropped_bytes == buffer.state.start_offset == 4 * BLOCK
    buffer.close()


async def test_without_a_disk_the_memory_is_all_there_is(tmp_path: Path) -> None:
    buffer, told = buffer_of(tmp_path, disk_blocks=0)
    buffer.append(said(10 * BLOCK))
    assert (await read_up_to(buffer.reader(0), 10 * BLOCK))[1] == [Gap(0, 8 * BLOCK)]
    assert told == []
    assert os.listdir(tmp_path) == []
    buffer.close()


async def test_nobody_else_can_open_the_file_and_it_is_gone_with_the_console(tmp_path: Path) -> None:
    before = open_files(tmp_path)
    buffer, _ = buffer_of(tmp_path)
    buffer.append(said(5 * BLOCK))
    assert os.listdir(tmp_path) == []
    (spilled,) = open_files(tmp_path) - before
    assert stat.S_IMODE(os.stat(f"/proc/self/fd/{spilled}").st_mode) == 0o600
    buffer.close()
    assert open_files(tmp_path) == before


def open_files(folder: Path) -> set[str]:
    """The descriptors of this process that are files of a folder, unlinked or not."""
    links = {link.name: os.readlink(link) for link in Path("/proc/self/fd").iterdir() if link.is_symlink()}
    return {descriptor for descriptor, target in links.items() if target.startswith(str(folder))}


async def test_a_full_disk_drops_the_oldest_and_says_so_once(tmp_path: Path) -> None:
    buffer, told = buffer_of(tmp_path, disk_blocks=100)
    with disk_with_room_for(2 * BLOCK):
        buffer.append(said(10 * BLOCK))
        data, gaps = await read_up_to(buffer.reader(0), 10 * BLOCK)
    assert gaps == [Gap(0, 6 * BLOCK)]
    assert data == said(4 * BLOCK, 6 * BLOCK)
    assert len(told) == 1
    assert "the disk takes no more" in told[0]
    buffer.close()


async def test_a_disk_that_has_room_again_is_used_again(tmp_path: Path) -> None:
    buffer, told = buffer_of(tmp_path, disk_blocks=100)
    with disk_with_room_for(2 * BLOCK):
        buffer.append(said(6 * BLOCK))
    start = buffer.start_offset
    buffer.append(said(4 * BLOCK, 6 * BLOCK))
    assert buffer.start_offset == start
    assert await read_up_to(buffer.reader(start), 10 * BLOCK) == (said(10 * BLOCK - start, start), [])
    with disk_with_room_for(6 * BLOCK):
        buffer.append(said(4 * BLOCK, 10 * BLOCK))
    assert len(told) == 2
    buffer.close()


async def test_a_disk_that_takes_nothing_leaves_the_console_working_in_memory(tmp_path: Path) -> None:
    buffer, told = buffer_of(tmp_path / "nowhere")
    buffer.append(said(10 * BLOCK))
    assert await read_up_to(buffer.reader(0), 10 * BLOCK) == (said(2 * BLOCK, 8 * BLOCK), [Gap(0, 8 * BLOCK)])
    assert len(told) == 1
    buffer.close()


async def test_what_the_disk_does_not_give_back_is_a_gap(tmp_path: Path) -> None:
    buffer, told = buffer_of(tmp_path)
    before = open_files(tmp_path)
    buffer.append(said(5 * BLOCK))
    (spilled,) = open_files(tmp_path) - before
    os.truncate(f"/proc/self/fd/{spilled}", 0)
    assert await read_up_to(buffer.reader(0), 5 * BLOCK) == (said(2 * BLOCK, 3 * BLOCK), [Gap(0, 3 * BLOCK)])
    assert "could not be read back" in told[0]
    buffer.close()


async def test_a_reader_from_now_waits_and_one_before_now_does_not(tmp_path: Path) -> None:
    buffer, _ = buffer_of(tmp_path)
    buffer.append(b"before")
    waiting = asyncio.ensure_future(buffer.reader().read())
    assert await buffer.reader(-3).read() == b"ore"
    assert await buffer.reader(-100).read() == b"before"
    assert not waiting.done()
    buffer.append(b"now")
    assert await waiting == b"now"
    waiting = asyncio.ensure_future(buffer.reader().read())
    buffer.close()
    assert await waiting == b""


@given(
    writes=st.lists(st.integers(1, 3 * BLOCK), max_size=30),
    memory_blocks=st.integers(1, 3),
    disk_blocks=st.integers(0, 4),
    starts=st.lists(st.integers(0, 400), max_size=5),
)
def test_from_any_offset_come_the_right_bytes_or_the_gap_before_them(
    writes: list[int], memory_blocks: int, disk_blocks: int, starts: list[int]
) -> None:
    async def check() -> None:
        buffer = ConsoleBuffer(
            memory_blocks * BLOCK,
            disk_blocks * BLOCK,
            folder=Path("/var/tmp"),
            block_bytes=BLOCK,
        )
        for size in writes:
            buffer.append(said(size, buffer.end_offset))
        end = buffer.end_offset
        assert end == sum(writes)
        assert end - buffer.start_offset >= min(end, (memory_blocks + disk_blocks) * BLOCK)
        for start in (start for start in starts if start < end):
            data, gaps = await read_up_to(buffer.reader(start), end)
            begin = max(start, buffer.start_offset)
            assert data == said(end - begin, begin)
            assert gaps == ([Gap(start, begin - start)] if begin > start else [])
        buffer.close()

    asyncio.run(check())
