"""What a disk's file is: the configuration says it, and what a lease wrote is never looked at."""
# ruff: noqa: ASYNC240 - looks at local files, and runs what an administrator runs

import gzip
import io
import os
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from jumplab.driver import errors
from jumplab.testing import serve_async
from jumplab_exporter.drivers.board.qemu import QemuBoard
from jumplab_exporter.drivers.board.virtual import VirtualBoard
from jumplab_exporter.drivers.storage import origin
from jumplab_exporter.drivers.storage.disk import FileDisk
from tests.drivers.disks import MIB, qemu_img, sparse_image

needs_qemu_img = pytest.mark.needs("qemu-img")

QCOW2_LOOK = b"QFI\xfb" + struct.pack(">I", 3) + bytes(504)


@pytest.fixture
def qcow2(tmp_path: Path) -> Path:
    """An image of 64 MiB in some 200 KB."""
    path = tmp_path / "disk.qcow2"
    qemu_img("create", "-f", "qcow2", path, "64M")
    return path


def refusal(kind: Any = FileDisk, **settings: Any) -> str:
    with pytest.raises(errors.ConfigurationInvalid) as refused:
        kind(**settings)
    return str(refused.value)


def exporter(tmp_path: Path, command: str, disk: dict[str, Any], kind: str = "storage/disk") -> tuple[int, str]:
    """A command of the exporter with this disk: its exit status and its output."""
    path = tmp_path / "exporter.yaml"
    document = {
        "apiVersion": "jumpstarter.dev/v1alpha1",
        "kind": "ExporterConfig",
        "metadata": {"namespace": "default", "name": "q"},
        "endpoint": "127.0.0.1:1",
        "token": "x",
        "export": {"disk": {"type": kind, "config": disk}},
    }
    path.write_text(yaml.safe_dump(document))
    words = [sys.executable, "-m", "jumplab_exporter", command, str(path)]
    if command == "run":
        with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
            assert process.stdout is not None
            said = process.stdout.readline()
            process.terminate()
            said += process.stdout.read()
            return process.wait(), said
    ran = subprocess.run(words, capture_output=True, text=True)
    return ran.returncode, ran.stdout + ran.stderr


@needs_qemu_img
@pytest.mark.parametrize(("kind", "setting"), [("storage/disk", "path"), ("board/qemu", "disk")])
def test_an_administrator_s_qcow2_file_is_refused_as_a_raw_disk(
    qcow2: Path, tmp_path: Path, kind: str, setting: str
) -> None:
    before = qcow2.read_bytes()
    status, said = exporter(tmp_path, "check", {setting: str(qcow2)}, kind)
    assert status == 2
    assert f"{qcow2} is a qcow2 image, and format is raw; set format: qcow2, or convert it with qemu-img" in said
    page = (Path(__file__).parents[2] / "docs/drivers/storage-disk.md").read_text()
    assert said.strip().replace(str(qcow2), "/var/lib/bench/disk.qcow2") in page
    assert "is a qcow2 image, and format is raw" in exporter(tmp_path, "run", {setting: str(qcow2)}, kind)[1]
    assert exporter(tmp_path, "check", {setting: str(qcow2), "format": "qcow2"}, kind)[0] == 0
    assert qcow2.read_bytes() == before


@needs_qemu_img
def test_the_virtual_board_says_what_it_takes(qcow2: Path) -> None:
    said = refusal(VirtualBoard, disk=qcow2)
    assert f"{qcow2} is a qcow2 image, and this board takes raw disks alone; convert it with qemu-img" in said


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (gzip.compress(b"x", mtime=0), "compressed with gzip"),
        (b"KDMV" + bytes(100), "a VMDK image"),
        (b"vhdxfile" + bytes(100), "a VHDX image"),
        (bytes(64) + b"\x7f\x10\xda\xbe" + bytes(100), "a VDI image"),
        (sparse_image((0xCAC3, 1, b"")), "an Android sparse image"),
    ],
)
def test_what_else_is_no_raw_disk_is_named(tmp_path: Path, content: bytes, kind: str) -> None:
    path = tmp_path / "disk.img"
    path.write_bytes(content)
    assert f"{path} is {kind}, and format is raw; unpack or convert it first" in refusal(path=path)


def test_a_raw_file_is_no_qcow2_disk(tmp_path: Path) -> None:
    path = tmp_path / "disk.img"
    path.write_bytes(bytes(MIB))
    assert "it is not a qcow2 image, and format is qcow2; set format: raw" in refusal(path=path, format="qcow2")
    assert "format: must be" in refusal(path=path, format="vmdk")


@pytest.mark.parametrize("has_attributes", [True, False], ids=["attribute", "file beside"])
async def test_what_a_lease_wrote_is_never_looked_at(
    tmp_path: Path, has_attributes: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not has_attributes:
        for name in ("setxattr", "getxattr"):
            monkeypatch.setattr(os, name, _unsupported)
    path = tmp_path / "disk.img"
    async with serve_async(disk=FileDisk(path=path, size_mib=1)) as board:
        await board.disk.write(io.BytesIO(QCOW2_LOOK), unpack=False)
    monkeypatch.setattr(origin, "_image_kind", lambda _: pytest.fail("it was looked at"))
    for _ in range(2):
        async with serve_async(disk=FileDisk(path=path)) as board:
            assert await board.disk.size() == MIB
    if has_attributes:
        assert exporter(tmp_path, "check", {"path": str(path)})[0] == 0  # another process, as after a restart
    assert path.read_bytes().startswith(QCOW2_LOOK)


def _unsupported(*_: object) -> None:
    raise OSError(95, "Operation not supported")


async def test_what_a_lease_wrote_as_raw_is_not_opened_as_qcow2_later(tmp_path: Path) -> None:
    """Its header would name files of this host."""
    path = tmp_path / "disk.img"
    async with serve_async(disk=FileDisk(path=path, size_mib=1)) as board:
        await board.disk.write(io.BytesIO(QCOW2_LOOK), unpack=False)
    assert f"{path} was leased as a raw disk, and format is qcow2" in refusal(path=path, format="qcow2")


async def test_a_new_file_of_the_administrator_s_is_looked_at_again(tmp_path: Path) -> None:
    path, new = tmp_path / "disk.img", tmp_path / "new"
    async with serve_async(disk=FileDisk(path=path, size_mib=1)):
        pass
    new.write_bytes(QCOW2_LOOK)
    new.rename(path)
    assert "is a qcow2 image" in refusal(path=path)


async def test_a_file_that_can_not_be_marked_is_served_and_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(os, "setxattr", _unsupported)
    monkeypatch.setattr(Path, "write_text", _unsupported)
    async with serve_async(disk=FileDisk(path=tmp_path / "disk.img", size_mib=1)) as board:
        await board.disk.write(io.BytesIO(b"x"))
    assert "can't be marked as leased" in caplog.text


@needs_qemu_img
async def test_a_qcow2_disk_is_read_and_written_by_its_content(qcow2: Path, tmp_path: Path) -> None:
    qemu_img("create", "-f", "raw", tmp_path / "base.img", "64M")
    async with serve_async(disk=FileDisk(path=qcow2, format="qcow2")) as board:
        assert await board.disk.size() == 64 * MIB
        await board.disk.write(io.BytesIO(QCOW2_LOOK), unpack=False)
        data = os.urandom(3 * MIB + 1)
        assert (await board.disk.write(io.BytesIO(data), offset_bytes=512 * 3, verify=True)).verified
        copy = io.BytesIO()
        await board.disk.read(copy)
        assert len(copy.getvalue()) == 64 * MIB
        assert copy.getvalue()[:512] == QCOW2_LOOK
        assert copy.getvalue()[1536 : 1536 + len(data)] == data
        with pytest.raises(errors.CallRefused, match="the disk has 67108864 bytes"):
            await board.disk.write(io.BytesIO(bytes(64 * MIB + 1)))
    qemu_img("check", "-f", "qcow2", qcow2)
    FileDisk(path=qcow2, format="qcow2")
    assert "set format: qcow2" in refusal(path=qcow2)


@needs_qemu_img
async def test_a_qcow2_disk_is_made_where_there_is_none(tmp_path: Path) -> None:
    path = tmp_path / "new.qcow2"
    async with serve_async(disk=FileDisk(path=path, format="qcow2", size_mib="1GiB")) as board:
        assert await board.disk.size() == 1 << 30
    assert path.stat().st_size < MIB
    assert path.stat().st_mode & 0o777 == 0o600


@needs_qemu_img
async def test_a_path_is_a_path_whatever_it_looks_like(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    async with serve_async(disk=FileDisk(path=Path("nbd:host:1,x=y.qcow2"), format="qcow2", size_mib=1)) as board:
        await board.disk.write(io.BytesIO(b"x"), verify=True)
    assert (tmp_path / "nbd:host:1,x=y.qcow2").exists()


@needs_qemu_img
async def test_a_disk_of_the_administrator_s_may_have_a_backing_file(tmp_path: Path) -> None:
    (tmp_path / "base").write_bytes(b"base" * (MIB // 4))
    path = tmp_path / "disk.qcow2"
    qemu_img("create", "-f", "qcow2", "-b", "base", "-F", "raw", path)
    async with serve_async(disk=FileDisk(path=path, format="qcow2")) as board:
        await board.disk.write(io.BytesIO(b"mine"))
        copy = io.BytesIO()
        await board.disk.read(copy, size_bytes=8)
    assert copy.getvalue() == b"minebase"
    assert (tmp_path / "base").read_bytes() == b"base" * (MIB // 4)


@needs_qemu_img
async def test_a_damaged_qcow2_disk_is_told(tmp_path: Path) -> None:
    path = tmp_path / "disk.qcow2"
    path.write_bytes(b"QFI\xfb" + struct.pack(">I", 3) + bytes(5000))
    async with serve_async(disk=FileDisk(path=path, format="qcow2")) as board:
        with pytest.raises(errors.CallBroken, match="the disk can't be opened: .*qcow2"):
            await board.disk.read(io.BytesIO())


@needs_qemu_img
@pytest.mark.parametrize("version", ["0.10", "1.1"])
async def test_an_uploaded_qcow2_image_is_converted(tmp_path: Path, version: str) -> None:
    content = tmp_path / "content"
    content.write_bytes(os.urandom(MIB) + bytes(MIB) + os.urandom(MIB))
    image = tmp_path / "image.qcow2"
    qemu_img("convert", "-f", "raw", "-O", "qcow2", "-c", "-o", f"compat={version}", content, image)
    async with serve_async(disk=FileDisk(size_mib=4)) as board:
        written = await board.disk.write(image, offset_bytes=MIB, verify=True)
        assert (written.format, written.written_bytes, written.size_bytes) == ("qcow2", 3 * MIB, image.stat().st_size)
        copy = io.BytesIO()
        await board.disk.read(copy, offset_bytes=MIB)
        assert copy.getvalue() == content.read_bytes()
        packed = io.BytesIO(gzip.compress(image.read_bytes()))
        assert (await board.disk.write(packed)).format == "gz+qcow2"


@needs_qemu_img
async def test_a_qcow2_image_goes_as_it_is_where_that_is_wanted(qcow2: Path) -> None:
    async with serve_async(disk=FileDisk(size_mib=4)) as board:
        written = await board.disk.write(qcow2, unpack=False)
        copy = io.BytesIO()
        await board.disk.read(copy, size_bytes=written.size_bytes)
        assert copy.getvalue() == qcow2.read_bytes()


@needs_qemu_img
async def test_a_qcow2_image_that_is_too_large_leaves_the_disk_as_it_was(qcow2: Path, tmp_path: Path) -> None:
    path = tmp_path / "disk.img"
    path.write_bytes(b"kept" * (MIB // 4))
    async with serve_async(disk=FileDisk(path=path)) as board:
        with pytest.raises(errors.CallRefused, match="the disk has 1048576 bytes; 67108864 bytes do not fit"):
            await board.disk.write(qcow2)
    assert path.read_bytes() == b"kept" * (MIB // 4)


@needs_qemu_img
async def test_a_qcow2_image_that_other_files_belong_to_is_refused(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"of the host's" * 1000)
    backed, outside, cipher = (tmp_path / name for name in ("backed", "outside", "encrypted"))
    qemu_img("create", "-f", "qcow2", "-b", secret, "-F", "raw", backed)
    qemu_img("create", "-f", "qcow2", "-o", f"data_file={tmp_path / 'data'},data_file_raw=on", outside, "1M")
    path = tmp_path / "disk.img"
    path.write_bytes(b"kept" * MIB)
    async with serve_async(disk=FileDisk(path=path)) as board:
        for image, what in ((backed, "names a backing file"), (outside, "names a data file")):
            with pytest.raises(errors.CallRefused, match=f"the qcow2 image {what}; make a complete image"):
                await board.disk.write(image)
        cipher.write_bytes(struct.pack(">4sIQIIQI", b"QFI\xfb", 3, 0, 0, 16, MIB, 2) + bytes(100))
        with pytest.raises(errors.CallRefused, match="the qcow2 image is encrypted"):
            await board.disk.write(cipher)
    assert path.read_bytes() == b"kept" * MIB


@needs_qemu_img
async def test_a_qcow2_image_that_is_damaged_leaves_the_disk_as_it_was(qcow2: Path, tmp_path: Path) -> None:
    path, damaged = tmp_path / "disk.img", tmp_path / "damaged"
    path.write_bytes(b"kept" * (16 * MIB))
    content = bytearray(qcow2.read_bytes())
    struct.pack_into(">I", content, 20, 60)  # so large no cluster is
    damaged.write_bytes(content)
    async with serve_async(disk=FileDisk(path=path)) as board:
        with pytest.raises(errors.CallRefused, match="the qcow2 image can't be converted: .*; nothing was written"):
            await board.disk.write(damaged)
    assert path.read_bytes() == b"kept" * (16 * MIB)


@pytest.mark.parametrize("pack", ["xz", "gz", "zst"])
async def test_a_packed_image_that_is_too_large_leaves_the_disk_as_it_was(tmp_path: Path, pack: str) -> None:
    from tests.drivers.test_unpacking import PACK

    path, image = tmp_path / "disk.img", tmp_path / "image"
    path.write_bytes(b"kept" * (MIB // 4))
    image.write_bytes(PACK[pack](bytes(MIB + 1)))
    async with serve_async(disk=FileDisk(path=path)) as board:
        with pytest.raises(errors.CallRefused, match="the disk has 1048576 bytes; 1048577 bytes do not fit"):
            await board.disk.write(image)
        assert path.read_bytes() == b"kept" * (MIB // 4)
        image.write_bytes(PACK[pack](bytes(MIB)))
        written = await board.disk.write(image, verify=True)
    assert (written.written_bytes, written.format, written.size_bytes) == (MIB, pack, image.stat().st_size)
    assert path.read_bytes() == bytes(MIB)


async def test_a_compressed_sparse_image_that_fits_exactly_is_written() -> None:
    """The sparse image itself is larger than the disk."""
    image = sparse_image((0xCAC1, 256, b"x" * MIB))
    async with serve_async(disk=FileDisk(size_mib=1)) as board:
        assert (await board.disk.write(io.BytesIO(gzip.compress(image, mtime=0)))).written_bytes == MIB
        with pytest.raises(errors.CallRefused, match="the disk has 1048576 bytes; 1052672 bytes do not fit; nothing"):
            await board.disk.write(io.BytesIO(sparse_image((0xCAC1, 256, b"x" * MIB), (0xCAC3, 1, b""))))


async def test_a_bomb_ends_at_the_disk_s_end() -> None:
    from tests.drivers.test_unpacking import PACK

    async with serve_async(disk=FileDisk(size_mib=1)) as board:
        with pytest.raises(errors.CallRefused, match="the disk has 1048576 bytes; .* do not fit; 1048576 bytes were"):
            await board.disk.write(io.BytesIO(PACK["bz2"](bytes(64 * MIB))))


@needs_qemu_img
@pytest.mark.needs("qemu")
async def test_u_boot_sees_the_virtual_size_of_a_qcow2_disk(tmp_path: Path) -> None:
    path = tmp_path / "a,b.qcow2"
    qemu_img("create", "-f", "qcow2", path, "64M")
    async with serve_async(board=QemuBoard(disk=path, format="qcow2")) as lab:
        assert await lab.board.storage.size() == 64 * MIB
        await lab.board.power.on()
        await lab.board.console.expect("stop autoboot", timeout=240)
        await lab.board.console.send(" ")
        await lab.board.console.expect("=> $", timeout=240)
        assert "Capacity: 64.0 MB" in await lab.board.console.run("virtio info", "=> $")
        with pytest.raises(errors.CallRefused, match="the board is powered on"):
            await lab.board.storage.read(io.BytesIO())
        await lab.board.power.off()
        await lab.board.storage.write(io.BytesIO(b"x"), verify=True)
