"""Disks and images for tests."""

import struct
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MIB = 1 << 20


@contextmanager
def loop_device(file: Path, size_bytes: int = 4 * MIB) -> Iterator[Path]:
    """A loop device on a new file."""
    file.write_bytes(bytes(size_bytes))
    made = subprocess.run(["losetup", "--find", "--show", file], check=True, capture_output=True)
    device = Path(made.stdout.decode().strip())
    try:
        yield device
    finally:
        subprocess.run(["losetup", "--detach", device], check=True)


def qemu_img(*arguments: object) -> None:
    subprocess.run(["qemu-img", *map(str, arguments)], check=True, capture_output=True)


def sparse_image(*chunks: tuple[int, int, bytes], block_bytes: int = 4096, blocks: int | None = None) -> bytes:
    """An Android sparse image of chunks: their kind, the blocks that each becomes, its data."""
    total = sum(count for kind, count, _ in chunks if kind != 0xCAC4) if blocks is None else blocks
    header = struct.pack("<IHHHHIIII", 0xED26FF3A, 1, 0, 28, 12, block_bytes, total, len(chunks), 0)
    return header + b"".join(
        struct.pack("<HHII", kind, 0, count, 12 + len(data)) + data for kind, count, data in chunks
    )
