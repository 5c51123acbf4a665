"""Chips of Espressif: the real esptool, and a boot loader of ours over TCP."""

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
from jumplab_exporter.drivers.flasher.esptool import EsptoolFlasher
from jumplab_exporter.testing.esptool import EspDevice
from tests.exporter.waiting import until

OFFSET = 0x10000
TARGETS = {"app": {"offset": OFFSET, "size": "16KiB"}}


def flasher(device: EspDevice, **settings: Any) -> EsptoolFlasher:
    chip = {"port": device.port, "chip": "esp32", "resets": False, "stub": False}
    return EsptoolFlasher(**{**chip, "targets": TARGETS, **settings})


def test_it_is_found_by_its_name() -> None:
    assert driver_class("flasher/esptool") is EsptoolFlasher


@pytest.mark.needs("esptool")
def test_a_part_is_flashed_verified_and_erased() -> None:
    image, steps = random.Random(1).randbytes(5000), list[str]()
    with EspDevice() as device, serve(flasher=flasher(device)) as board:
        with on_progress(lambda heard: steps.append(heard.text)):
            flashed = board.flasher.flash("app", io.BytesIO(image))
        assert device.content(OFFSET, 5000) == image
        assert set(device.content(0, OFFSET)) == {0xFF}
        assert (flashed.size_bytes, flashed.sha256) == (5000, hashlib.sha256(image).hexdigest())
        assert flashed.verified
        assert "Hash of data verified" in flashed.log
        assert steps
        board.flasher.erase("app")
        assert set(device.content(OFFSET, 5000)) == {0xFF}


def test_an_image_larger_than_its_target_is_refused_before_anything_is_written() -> None:
    with EspDevice() as device, serve(flasher=flasher(device)) as board:
        with pytest.raises(ValueError, match=r'"app" has 16 KiB .*, and the image is larger.* nothing was flashed'):
            board.flasher.flash("app", io.BytesIO(bytes(16385)))
        assert not device.commands


@pytest.mark.needs("esptool")
def test_a_chip_that_is_not_there_is_told() -> None:
    with EspDevice() as device:
        gone = flasher(device)
    said = r'esptool failed with exit status \d+ while flashing "app".*Could not open socket://'
    with serve(flasher=gone) as board, pytest.raises(OSError, match=said):
        board.flasher.flash("app", io.BytesIO(b"x"))


@pytest.mark.needs("esptool")
async def test_the_end_of_the_session_kills_the_tool() -> None:
    with EspDevice() as device:
        device.hangs = True
        async with serve_async(flasher=flasher(device)) as board:
            flashing = asyncio.create_task(board.flasher.flash("app", io.BytesIO(b"x")))
            await until(lambda: device.is_written)
            running = [each for each in psutil.Process().children(recursive=True) if each.name() == "esptool"]
        with pytest.raises(errors.SessionEnded):
            await flashing
        assert running
        await asyncio.to_thread(psutil.wait_procs, running)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"port": "-h"}, "port"),
        ({"port": "tcp:host:1"}, "port"),
        ({"chip": "--no-stub"}, "chip"),
        ({"targets": {"a": {"offset": 1, "size": 4096}}}, "targets.a.offset: must be a multiple of 4KiB"),
        ({"targets": {"a": {"offset": 0, "size": 100}}}, "targets.a.size: must be a multiple of 4KiB"),
        ({"targets": {"a": {"offset": 0}}}, "targets.a.size: is missing"),
    ],
)
def test_wrong_settings_are_refused_in_a_sentence(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(errors.ConfigurationInvalid, match=said):
        EsptoolFlasher(**{"port": "/dev/ttyUSB0", "targets": TARGETS, **settings})
