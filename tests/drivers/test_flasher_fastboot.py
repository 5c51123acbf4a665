"""Boards in fastboot mode: the real fastboot, and a device of ours over TCP."""

from __future__ import annotations

import asyncio
import hashlib
import io
import random
from typing import Any

import psutil
import pytest

from jumplab.driver import errors, on_progress
from jumplab.testing import serve, serve_async
from jumplab_exporter.driver_factory import driver_class
from jumplab_exporter.drivers.flasher.fastboot import FastbootFlasher
from jumplab_exporter.testing.fastboot import FastbootDevice
from tests.exporter.waiting import until

SIZES = {"boot": 65536, "rootfs": 262144}
TARGETS = {"bootloader": {"partition": "boot"}, "system": {"partition": "rootfs", "size": "128KiB"}}


def flasher(device: FastbootDevice, **settings: Any) -> FastbootFlasher:
    return FastbootFlasher(**{"device": device.device, "targets": TARGETS, **settings})


def test_it_is_found_by_its_name() -> None:
    assert driver_class("flasher/fastboot") is FastbootFlasher


@pytest.mark.needs("fastboot")
def test_a_partition_is_flashed_and_erased() -> None:
    image, steps = random.Random(1).randbytes(50_000), list[str]()
    with FastbootDevice(SIZES) as device, serve(flasher=flasher(device)) as board:
        with on_progress(lambda heard: steps.append(heard.text)):
            flashed = board.flasher.flash("bootloader", io.BytesIO(image))
        assert device.content("boot") == image + b"\xff" * (65536 - len(image))
        assert (flashed.size_bytes, flashed.sha256) == (len(image), hashlib.sha256(image).hexdigest())
        assert flashed.verified is False
        assert "Writing 'boot'" in flashed.log
        assert steps[-1] == "writing"
        board.flasher.erase("bootloader")
        assert device.content("boot") == b"\xff" * 65536
        assert device.commands[-1] == "erase:boot"


@pytest.mark.needs("fastboot")
def test_an_image_larger_than_a_download_comes_in_pieces() -> None:
    image, steps = random.Random(2).randbytes(100_000), set[str]()
    with FastbootDevice(SIZES, download_bytes=32768) as device, serve(flasher=flasher(device)) as board:
        with on_progress(lambda heard: steps.add(heard.text)):
            board.flasher.flash("system", io.BytesIO(image))
        assert device.content("rootfs")[: len(image)] == image
        assert device.content("rootfs")[len(image) : 102400] == bytes(102400 - len(image))
        assert "sending pieces" in steps
        assert len([command for command in device.commands if command == "flash:rootfs"]) > 1


@pytest.mark.needs("fastboot")
@pytest.mark.parametrize("tells_sizes", [True, False])
def test_an_image_larger_than_the_target_is_refused(*, tells_sizes: bool) -> None:
    with FastbootDevice(SIZES, tells_sizes=tells_sizes) as device, serve(flasher=flasher(device)) as board:
        with pytest.raises(ValueError, match=r'"system" has 128 KiB .*, and the image is larger.* nothing was flashed'):
            board.flasher.flash("system", io.BytesIO(bytes(131073)))
        if tells_sizes:
            with pytest.raises(ValueError, match='"bootloader" has 64 KiB'):
                board.flasher.flash("bootloader", io.BytesIO(bytes(65537)))
        else:
            with pytest.raises(OSError, match="exit status 1 while flashing .*image too large for the partition"):
                board.flasher.flash("bootloader", io.BytesIO(bytes(65537)))
        assert device.content("boot") == b"\xff" * 65536


@pytest.mark.needs("fastboot")
def test_what_the_device_refuses_is_told() -> None:
    with FastbootDevice(SIZES) as device, serve(flasher=flasher(device)) as board:
        device.refusal = "not allowed in locked state"
        for call in (
            lambda: board.flasher.flash("bootloader", io.BytesIO(b"x")),
            lambda: board.flasher.erase("bootloader"),
        ):
            with pytest.raises(OSError, match="fastboot failed with exit status 1 .*not allowed in locked state"):
                call()
        device.refusal = ""
        board.flasher.flash("bootloader", io.BytesIO(b"x"))
        assert device.content("boot")[:1] == b"x"


@pytest.mark.needs("fastboot")
def test_a_device_that_is_not_there_is_told() -> None:
    with FastbootDevice(SIZES) as device:
        gone = flasher(device, device_timeout="300ms")
    said = f"no device {gone.device} came into fastboot mode within 0.3 s; is the board on"
    with serve(flasher=gone) as board, pytest.raises(TimeoutError, match=said):
        board.flasher.flash("bootloader", io.BytesIO(b"x"))


@pytest.mark.needs("fastboot")
@pytest.mark.parametrize("fault", ["hangs", "leaves"])
def test_a_device_that_hangs_or_goes_away_is_given_up_and_may_come_back(fault: str) -> None:
    with (
        FastbootDevice(SIZES) as device,
        serve(impatient=flasher(device, timeout="300ms"), patient=flasher(device)) as board,
    ):
        setattr(device, fault, True)
        with pytest.raises(TimeoutError, match="fastboot did not end within 0.3 s and was killed"):
            board.impatient.erase("bootloader")
        setattr(device, fault, False)
        board.patient.erase("bootloader")


@pytest.mark.needs("fastboot")
async def test_the_end_of_the_session_kills_the_tool() -> None:
    with FastbootDevice(SIZES) as device:
        device.hangs = True
        async with serve_async(flasher=flasher(device)) as board:
            flashing = asyncio.create_task(board.flasher.flash("bootloader", io.BytesIO(b"x")))
            await until(lambda: "flash:boot" in device.commands)
            running = [each for each in psutil.Process().children(recursive=True) if each.name() == "fastboot"]
        with pytest.raises(errors.SessionEnded):
            await flashing
        assert running
        await asyncio.to_thread(psutil.wait_procs, running)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"device": "-h"}, "device"),
        ({"device": "x y"}, "device"),
        ({"targets": {"a": {"partition": "-w"}}}, "targets.a.partition"),
        ({"targets": {"a": {}}}, "targets.a.partition: is missing"),
    ],
)
def test_wrong_settings_are_refused_in_a_sentence(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(errors.ConfigurationInvalid, match=said):
        FastbootFlasher(**{"device": "x", "targets": TARGETS, **settings})
