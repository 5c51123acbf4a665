"""SPI flash chips: the real flashrom, and the chip that its dummy programmer emulates."""

from __future__ import annotations

import asyncio
import hashlib
import io
import logging
import os
from pathlib import Path
from typing import Any, ClassVar

import psutil
import pytest

from jumplab.driver import Progress, errors, on_progress
from jumplab.testing import serve, serve_async
from jumplab_exporter.driver_factory import driver_class
from jumplab_exporter.drivers.flasher.flashrom import FlashromFlasher
from jumplab_exporter.testing.programs import SimulatedProgram
from tests.exporter.waiting import until

CHIP_BYTES = 131072
TARGETS = {"all": {}, "bootloader": {"offset": "32KiB", "size": "32KiB"}}


def flasher(folder: Path, **settings: Any) -> FlashromFlasher:
    programmer = f"dummy:bus=spi,emulate=M25P10.RES,image={folder}/chip.bin"
    return FlashromFlasher(**{"programmer": programmer, "targets": TARGETS, **settings})


def content(folder: Path) -> bytes:
    return (folder / "chip.bin").read_bytes()


def test_it_is_found_by_its_name() -> None:
    assert driver_class("flasher/flashrom") is FlashromFlasher


@pytest.mark.needs("flashrom")
def test_a_chip_is_written_verified_and_erased(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    whole, part, steps = os.urandom(CHIP_BYTES), os.urandom(10_000), list[str]()
    with serve(flasher=flasher(tmp_path)) as board:
        assert [(each.name, each.size_bytes) for each in board.flasher.list_targets()] == [
            ("all", None),
            ("bootloader", 32768),
        ]
        with on_progress(lambda heard: steps.append(heard.text)):
            flashed = board.flasher.flash("all", io.BytesIO(whole))
        assert content(tmp_path) == whole
        assert (flashed.target, flashed.size_bytes, flashed.verified) == ("all", CHIP_BYTES, True)
        assert flashed.sha256 == hashlib.sha256(whole).hexdigest()
        assert "Verifying flash... VERIFIED." in flashed.log
        assert "Verifying flash... VERIFIED." in caplog.text
        assert steps[-1] == "verifying"

        (tmp_path / "boot.bin").write_bytes(part)
        for _ in range(2):  # the second time flashrom finds that the chip has it
            assert board.flasher.flash("bootloader", tmp_path / "boot.bin").verified
        erased = b"\xff" * (32768 - len(part))
        assert content(tmp_path) == whole[:32768] + part + erased + whole[65536:]

        board.flasher.erase("bootloader")
        assert content(tmp_path) == whole[:32768] + b"\xff" * 32768 + whole[65536:]


@pytest.mark.needs("flashrom")
def test_what_does_not_fit_is_refused_and_the_chip_left_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "chip.bin").write_bytes(bytes(CHIP_BYTES))
    with serve(flasher=flasher(tmp_path)) as board:
        for image in (io.BytesIO(bytes(32769)), _Pipe(bytes(32769))):
            with pytest.raises(ValueError, match=r'"bootloader" has 32 KiB .* larger: at least 32769 .* nothing was'):
                board.flasher.flash("bootloader", image)
        with pytest.raises(ValueError, match='the image for "all" is empty; nothing was flashed'):
            board.flasher.flash("all", io.BytesIO())
        for call in (lambda: board.flasher.flash("-E", io.BytesIO(b"x")), lambda: board.flasher.erase("-E")):
            with pytest.raises(ValueError, match='there is no target "-E" here; there are: all, bootloader'):
                call()
    assert content(tmp_path) == bytes(CHIP_BYTES)


@pytest.mark.needs("flashrom")
def test_a_chip_that_is_not_there_or_smaller_is_told(tmp_path: Path) -> None:
    nothing = flasher(tmp_path, programmer=f"serprog:dev={tmp_path}/none")
    with serve(flasher=nothing) as board, pytest.raises(OSError, match="flashrom finds no chip .* No such file"):
        board.flasher.erase("all")
    behind = flasher(tmp_path, targets={"data": {"offset": "1MiB"}})
    with serve(flasher=behind) as board, pytest.raises(OSError, match='chip has 131072 bytes, and the target "data"'):
        board.flasher.flash("data", io.BytesIO(b"x"))


class Flashrom(SimulatedProgram):
    """Finds a chip, and does with it what the file `writes` says."""

    name: ClassVar[str] = "flashrom"
    code: ClassVar[str] = """
if "--flash-size" in sys.argv:
    print(131072)
else:
    exec((FOLDER / "writes").read_text())
"""

    def will(self, code: str) -> None:
        (self.folder / "writes").write_text(code)


def test_output_that_nobody_knows_is_shown_and_the_exit_status_counts(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    with Flashrom() as program, serve(flasher=flasher(tmp_path)) as board:
        program.will(r'print("Something new: 40%\rSomething new: 99%\rdone, in a way\n", flush=True)')
        flashed = board.flasher.flash("all", io.BytesIO(b"x"))
        assert (flashed.verified, flashed.log) == (False, "done, in a way")
        assert "done, in a way" in caplog.text
        assert "40%" not in caplog.text
        program.will('sys.exit("Something new went wrong")')
        said = 'flashrom failed with exit status 1 while flashing "all", which may be half done now: Something new went'
        with pytest.raises(OSError, match=said):
            board.flasher.flash("all", io.BytesIO(b"x"))


def test_a_tool_that_does_not_end_is_killed(tmp_path: Path) -> None:
    with Flashrom() as program, serve(flasher=flasher(tmp_path, timeout="200ms")) as board:
        program.will('print("Erasing", flush=True)\nimport time; time.sleep(1000)')
        with pytest.raises(TimeoutError, match="flashrom did not end within 0.2 s and was killed"):
            board.flasher.flash("all", io.BytesIO(b"x"))


async def test_a_client_that_leaves_takes_the_tool_along_with_its_children(tmp_path: Path) -> None:
    with Flashrom() as program:
        program.will(
            "import os, time\nif not os.fork(): time.sleep(1000)\n"
            "(FOLDER / 'pid.new').write_text(str(os.getpgrp()))\n(FOLDER / 'pid.new').rename(FOLDER / 'pid')\n"
            "time.sleep(1000)"
        )
        async with serve_async(flasher=flasher(tmp_path)) as board:
            async with board.flasher.open("flash", target="all") as stream:
                await stream.send(b"x")
                await stream.send_end()
                await until((program.folder / "pid").exists)
                group = psutil.Process(int((program.folder / "pid").read_text()))
                processes = [group, *group.children(recursive=True)]
                assert len(processes) == 3
                with pytest.raises(ValueError, match='it is busy flashing "all"; wait for the end of that'):
                    await board.flasher.erase("all")
            await asyncio.to_thread(psutil.wait_procs, processes)
            program.will("pass")
            await until_free(board.flasher)


async def until_free(flasher: Any) -> None:
    """Waits until the call that was left is over, which its driver notices by itself."""
    while True:
        try:
            return await flasher.erase("all")
        except errors.CallRefused:
            await asyncio.sleep(0)


async def test_a_broken_upload_flashes_nothing(tmp_path: Path) -> None:
    with Flashrom() as program:
        async with serve_async(flasher=flasher(tmp_path)) as board:
            with pytest.raises(ValueError, match="3 bytes came, and 4 were announced"):
                await board.flasher.flash("all", _Pipe(b"abc"), size_bytes=4)
        assert [line for line in program.ran if "-w" in line] == []


def test_a_missing_program_is_named_with_its_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("jumplab_exporter.drivers.tools._FOLDERS", ())
    said = r"the program flashrom is not installed .* apt install flashrom"
    with serve(flasher=flasher(tmp_path)) as board, pytest.raises(OSError, match=said):
        board.flasher.flash("all", io.BytesIO(b"x"))
    with pytest.raises(FileNotFoundError, match=said):
        asyncio.run(flasher(tmp_path).check())


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"programmer": "-h"}, "programmer"),
        ({"programmer": "dummy -E"}, "programmer"),
        ({"targets": {}}, "targets"),
        ({"targets": {"-E": {}}}, "targets"),
        ({"targets": {"all": {"offset": -1}}}, "targets.all.offset"),
        ({"targets": {"all": {"ofset": 1}}}, "targets.all.ofset"),
        ({"chip": "-f"}, "chip"),
    ],
)
def test_wrong_settings_are_refused_in_a_sentence(tmp_path: Path, settings: dict[str, Any], said: str) -> None:
    with pytest.raises(errors.ConfigurationInvalid, match=said):
        flasher(tmp_path, **settings)


def test_progress_can_be_heard(tmp_path: Path) -> None:
    heard: list[Progress] = []
    with Flashrom() as program, serve(flasher=flasher(tmp_path)) as board, on_progress(heard.append):
        program.will('print("Erasing and writing flash chip... ", end="", flush=True)')
        board.flasher.flash("all", io.BytesIO(b"x"))
    assert heard[-1] == Progress(1, 3, "erasing and writing")


class _Pipe(io.RawIOBase):
    """Data whose size nobody knows beforehand."""

    def __init__(self, data: bytes) -> None:
        self._data = io.BytesIO(data)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._data.readinto(buffer)
