"""The virtual boards, as a user meets them: QEMU with real U-Boot, and the one in pure Python."""

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from jumplab.driver import AsyncDriverClient, Driver, errors
from jumplab.testing import serve_async
from jumplab_exporter.drivers.board.qemu import QemuBoard
from jumplab_exporter.drivers.board.virtual import VirtualBoard
from jumplab_exporter.testing.fat_image import make_fat_image

PROMPT = r"=> $"


@pytest.fixture(params=[pytest.param(QemuBoard, marks=pytest.mark.needs("qemu")), VirtualBoard])
def board_class(request: pytest.FixtureRequest) -> type[Driver]:
    kind: type[Driver] = request.param
    return kind


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "disk.img"
    path.write_bytes(make_fat_image({"hello.txt": b"Hello!\n", "boot.bin": bytes(5000)}))
    return path


async def prompt(board: AsyncDriverClient) -> None:
    await board.console.expect("stop autoboot", timeout=240)
    await board.console.send(" ")
    await board.console.expect(PROMPT, timeout=240)


async def test_a_board_boots_from_the_disk_that_was_written(board_class: type[Driver], image: Path) -> None:
    async with serve_async(board=board_class()) as lab:
        board = lab.board
        assert not await board.power.is_on()
        await board.storage.write_file(image)
        await board.power.on()
        assert await board.power.is_on()
        await prompt(board)
        assert "U-Boot" in await board.console.run("version", PROMPT)
        listing = await board.console.run("fatls virtio 0", PROMPT)
        assert "7   hello.txt" in listing
        assert "2 file(s), 0 dir(s)" in listing
        await board.power.off()
        assert not await board.power.is_on()


async def test_a_disk_is_not_written_while_the_board_is_on(board_class: type[Driver], image: Path) -> None:
    async with serve_async(board=board_class()) as lab:
        await lab.board.power.on()
        with pytest.raises(errors.CallRefused, match="power it off before writing"):
            await lab.board.storage.write_file(image)
        await lab.board.power.off()
        await lab.board.storage.write_file(image)


async def test_a_power_cycle_boots_again(board_class: type[Driver]) -> None:
    async with serve_async(board=board_class()) as lab:
        await lab.board.power.on()
        await prompt(lab.board)
        await lab.board.power.cycle(0.0)
        await prompt(lab.board)


async def test_a_reset_boots_again(board_class: type[Driver]) -> None:
    async with serve_async(board=board_class()) as lab:
        await lab.board.power.on()
        await prompt(lab.board)
        await lab.board.console.send("reset\n")
        await prompt(lab.board)


async def test_the_end_of_the_session_switches_the_board_off(board_class: type[Driver]) -> None:
    async with serve_async(board=board_class()) as lab:
        await lab.board.power.on()
        running = qemu_children()
    assert running or board_class is VirtualBoard
    assert not qemu_children()


@pytest.mark.needs("qemu")
async def test_qemu_that_dies_by_itself_reads_as_off_and_can_be_switched_on_again() -> None:
    async with serve_async(board=QemuBoard()) as lab:
        await lab.board.power.on()
        await prompt(lab.board)
        for process in qemu_children():
            process.kill()
        async with asyncio.timeout(240):
            while await lab.board.power.is_on():
                pass
        await lab.board.power.on()
        await prompt(lab.board)


@pytest.mark.needs("qemu")
async def test_a_board_that_switches_itself_off_reads_as_off() -> None:
    async with serve_async(board=QemuBoard()) as lab:
        await lab.board.power.on()
        await prompt(lab.board)
        await lab.board.console.send("poweroff\n")
        async with asyncio.timeout(240):
            while await lab.board.power.is_on():
                pass


@pytest.mark.needs("qemu")
async def test_what_qemu_has_against_its_arguments_is_told() -> None:
    async with serve_async(board=QemuBoard(arguments=["-nonsense"])) as lab:
        with pytest.raises(errors.CallBroken, match=r"QEMU did not start: .*-nonsense: invalid option"):
            await lab.board.power.on()
        assert not await lab.board.power.is_on()


async def test_a_missing_qemu_is_named_with_its_debian_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(errors.DriverFailed, match="qemu-system-aarch64 is not installed; on Debian: apt install qemu-"):
        async with serve_async(board=QemuBoard()):
            pass


async def test_a_missing_firmware_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    binary = tmp_path / "qemu-system-aarch64"
    binary.write_text("")
    binary.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(errors.DriverFailed, match=r'there is no firmware /nowhere/u-boot.bin; check "firmware"'):
        async with serve_async(board=QemuBoard(firmware=Path("/nowhere/u-boot.bin"))):
            pass


def qemu_children() -> list[psutil.Process]:
    return list(_qemu_below(psutil.Process(os.getpid())))


def _qemu_below(process: psutil.Process) -> Iterator[psutil.Process]:
    for child in process.children(recursive=True):
        if child.name().startswith("qemu-system") and child.status() != psutil.STATUS_ZOMBIE:
            yield child
