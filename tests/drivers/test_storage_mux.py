"""SD muxes: their programs are simulated as they answer; the card is a real block device that comes and goes."""

from __future__ import annotations

import io
import subprocess
from pathlib import Path
from typing import Any

import pytest

from jumplab.driver import Driver, errors
from jumplab.drivers.storage_mux import StorageMuxClient
from jumplab.testing import serve, serve_async
from jumplab_exporter.driver_factory import driver_class
from jumplab_exporter.drivers.storage_mux.sdwire import SdWire
from jumplab_exporter.drivers.storage_mux.usbsdmux import UsbSdMux
from jumplab_exporter.testing import sd_mux

needs_loop = pytest.mark.needs("loop")


def usbsdmux(mux: sd_mux.UsbSdMux, **settings: Any) -> UsbSdMux:
    return UsbSdMux(**{"control": mux.control, "path": mux.path, "allow_loop": True, **settings})


@pytest.mark.parametrize(("kind", "driver"), [("storage-mux/usbsdmux", UsbSdMux), ("storage-mux/sdwire", SdWire)])
def test_they_are_found_by_their_names(kind: str, driver: type) -> None:
    assert driver_class(kind) is driver


@needs_loop
@pytest.mark.parametrize("reader_stays", [False, True], ids=["nothing stays", "a reader stays"])
def test_an_image_gets_onto_the_card_and_to_the_device(reader_stays: bool) -> None:
    with sd_mux.UsbSdMux(reader_stays=reader_stays) as mux, serve(card=usbsdmux(mux)) as board:
        assert isinstance(board.card, StorageMuxClient)
        assert board.card.position() == "dut"
        board.card.switch_to("host")
        assert (board.card.position(), mux.side) == ("host", "host")
        board.card.storage.write(io.BytesIO(b"an image" * 512), verify=True)
        board.card.switch_to("dut")
        assert (board.card.position(), mux.side) == ("dut", "dut")
        board.card.switch_to("off")
        assert (board.card.position(), mux.side) == ("off", "off")
        assert mux.content.startswith(b"an image" * 512)


@needs_loop
def test_an_sdwire_is_switched_and_has_no_off() -> None:
    with sd_mux.SdWire() as mux:
        driver = SdWire(device_serial=mux.device_serial, path=mux.path, allow_loop=True)
        with serve(card=driver) as board:
            board.card.switch_to("host")
            board.card.storage.write(io.BytesIO(b"x" * 512))
            board.card.switch_to("dut")
            assert (board.card.position(), mux.content[:2]) == ("dut", b"xx")
            with pytest.raises(NotImplementedError, match="an SDWire has no `off`; switch it to `host` or `dut`"):
                board.card.switch_to("off")
            assert mux.side == "dut"


@needs_loop
def test_a_card_that_is_not_at_the_host_is_not_written() -> None:
    with sd_mux.UsbSdMux() as mux, serve(card=usbsdmux(mux)) as board:
        with pytest.raises(errors.CallRefused, match="the card is at the device; switch it to the host before writing"):
            board.card.storage.write(io.BytesIO(b"x"))
        board.card.switch_to("off")
        with pytest.raises(errors.CallRefused, match="the card is at neither side; switch it to the host"):
            board.card.storage.write(io.BytesIO(b"x"))


@needs_loop
async def test_a_card_that_the_host_has_mounted_is_not_taken_away(tmp_path: Path) -> None:
    with sd_mux.UsbSdMux() as mux:
        async with serve_async(card=usbsdmux(mux)) as board:
            await board.card.switch_to("host")
            subprocess.run(["mkfs.ext4", "-q", mux.path], check=True)  # noqa: ASYNC221 - as an administrator would
            subprocess.run(["mount", mux.path, tmp_path], check=True)  # noqa: ASYNC221
            try:
                for side in ("dut", "off"):
                    with pytest.raises(errors.CallRefused, match=f"{mux.path} is mounted at {tmp_path}; unmount it"):
                        await board.card.switch_to(side)
            finally:
                subprocess.run(["umount", tmp_path], check=True)  # noqa: ASYNC221
            assert mux.side == "host"
            await board.card.switch_to("dut")


@needs_loop
async def test_a_card_that_is_being_written_is_not_taken_away() -> None:
    with sd_mux.UsbSdMux() as mux:
        async with usbsdmux(mux) as driver:
            await driver.switch_to("host")
            async with driver._card._opened():  # as a write has it
                assert await driver.position() == "host"
                with pytest.raises(ValueError, match="the card is being read or written; switch it when that has"):
                    await driver.switch_to("dut")
            assert mux.side == "host"
            await driver.switch_to("dut")


@needs_loop
def test_a_mux_that_does_not_switch_is_found_out() -> None:
    with sd_mux.UsbSdMux() as mux, serve(card=usbsdmux(mux, timeout="300ms")) as board:
        board.card.switch_to("host")
        mux.stick()
        said = f"the mux has its card at the device, and the host still sees {mux.path}"
        with pytest.raises(OSError, match=f"{said}, after 0.3 s"):
            board.card.switch_to("dut")
        with pytest.raises(OSError, match=said):
            board.card.position()


@needs_loop
def test_a_host_that_does_not_see_the_card_is_told() -> None:
    with sd_mux.UsbSdMux() as mux, serve(card=usbsdmux(mux, timeout="300ms")) as board:
        mux.stick()
        with pytest.raises(OSError, match=f"the mux has its card at the host, and there is no {mux.path}"):
            board.card.switch_to("host")


@needs_loop
def test_a_card_of_another_size_is_not_taken_for_ours() -> None:
    said = "has 4 MiB, more than max_size, 1 MiB; is it the right disk"
    with sd_mux.UsbSdMux() as mux, serve(card=usbsdmux(mux, max_size="1MiB")) as board:
        with pytest.raises(errors.CallRefused, match=said):
            board.card.switch_to("host")
        with pytest.raises(errors.CallRefused, match=said):
            board.card.position()


async def test_a_mux_that_is_not_there_fails_the_check_and_the_call(tmp_path: Path) -> None:
    with sd_mux.UsbSdMux() as mux:
        driver = usbsdmux(mux, control=f"{tmp_path}/none")
        assert driver.missing_device() == f"{tmp_path}/none"
        with pytest.raises(OSError, match=f"there is no {tmp_path}/none: is the mux plugged in"):
            await driver.check()
        wire = SdWire(device_serial="sd-wire_7", path="/dev/disk/by-id/none")
    with sd_mux.SdWire(), pytest.raises(OSError, match="exit status 1: Unable to open ftdi device"):
        await wire.check()


async def test_an_answer_that_is_no_side_is_told() -> None:
    with sd_mux.UsbSdMux() as mux:
        (mux.folder / "side").write_text("both")
        with pytest.raises(OSError, match=f"usbsdmux says 'both' of {mux.control}, which is no side of a mux"):
            await usbsdmux(mux).check()


async def test_a_missing_program_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    wire = SdWire(device_serial="sd-wire_7", path="/dev/disk/by-id/none")
    with pytest.raises(OSError, match=r"the program sd-mux-ctrl is not installed .*; build it from Tizen's sources"):
        await wire.check()


@pytest.mark.parametrize(
    ("driver", "settings", "said"),
    [
        (UsbSdMux, {"path": "/dev/disk/by-id/none"}, "control: is missing"),
        (UsbSdMux, {"path": "card.img", "control": "/dev/sg1"}, "path: card.img is not below /dev; name the card's"),
        (SdWire, {"path": "/dev/disk/by-id/none", "device_serial": "a b"}, "device_serial"),
    ],
)
def test_wrong_settings_are_refused_in_a_sentence(driver: type[Driver], settings: dict[str, str], said: str) -> None:
    with pytest.raises(errors.ConfigurationInvalid, match=said):
        driver(**settings)
