"""Ports of USB hubs: uhubctl's conversation as it was recorded, and the real program where it has no hub."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest

from jumplab.driver import errors
from jumplab.testing import serve
from jumplab_exporter.driver_factory import driver_class
from jumplab_exporter.drivers.power.uhubctl import UsbHubPower
from jumplab_exporter.testing.programs import SimulatedProgram
from jumplab_exporter.testing.usb_hub import UsbHub

RECORDED = {
    "two sides, and no right to one of them": """\
Current status for hub 2-1.4 [17ef:a357 VIA Labs, Inc. USB3.1 Hub, USB 3.10, 4 ports, ppps]
  Port 4: 02a0 power 5gbps Rx.Detect
Failed to set port status by writing to /sys/bus/usb/devices/2-1.4:1.0/2-1.4-port4/disable (Permission denied).
Follow https://git.io/JIB2Z to make sure that udev is set up correctly.
Falling back to libusb based port control.
Use -S to skip trying the sysfs interface and printing this message.
Sent power off request
New status for hub 2-1.4 [17ef:a357 VIA Labs, Inc. USB3.1 Hub, USB 3.10, 4 ports, ppps]
  Port 4: 00a0 off
Current status for hub 1-1.4 [17ef:1029 VIA Labs, Inc. USB2.0 Hub, USB 2.10, 4 ports, ppps]
  Port 4: 0503 power highspeed enable connect [12d1:1506 HUAWEI HUAWEI Mobile]
Sent power off request
New status for hub 1-1.4 [17ef:1029 VIA Labs, Inc. USB2.0 Hub, USB 2.10, 4 ports, ppps]
  Port 4: 0000 off
""",
    "problems with another hub": """\
There were permission problems while accessing USB.
Follow https://git.io/JIB2Z for a fix!
Current status for hub 2-3.4 [2109:2817 VIA Labs, Inc. USB2.0 Hub, USB 2.10, 4 ports, ppps]
  Port 4: 0107 power suspend enable connect [2357:0604]
Sent power off request
New status for hub 2-3.4 [2109:2817 VIA Labs, Inc. USB2.0 Hub, USB 2.10, 4 ports, ppps]
  Port 4: 0000 off
""",
}


class Printing(SimulatedProgram):
    """Prints one text, and ends with one exit status."""

    name: ClassVar[str] = "uhubctl"
    code: ClassVar[str] = 'print((FOLDER / "text").read_text(), end=""); sys.exit(int((FOLDER / "status").read_text()))'

    def will(self, text: str, status: int = 0) -> None:
        (self.folder / "text").write_text(text)
        (self.folder / "status").write_text(str(status))


@pytest.fixture
def uhubctl() -> Iterator[Printing]:
    with Printing() as program:
        yield program


def port(hub: str = "1-1", number: int = 4, **settings: Any) -> UsbHubPower:
    return UsbHubPower(hub=hub, port=number, **settings)


def test_it_is_found_by_its_name() -> None:
    assert driver_class("power/uhubctl") is UsbHubPower


@pytest.mark.parametrize("usb3", ["", "2-1"])
def test_a_port_is_switched_and_tells_its_state(usb3: str) -> None:
    with UsbHub("1-1", usb3=usb3) as hub, serve(power=port(number=3)) as board:
        assert board.power.is_on() is True
        board.power.off()
        assert (hub.is_on(3), hub.is_on(4), board.power.is_on()) == (False, True, False)
        board.power.cycle(off_seconds=0)
        assert hub.is_on(3) is True
        assert hub.ran[:2] == ["-l 1-1 -p 3", "-l 1-1 -p 3 -a off"]


@pytest.mark.parametrize("recorded", RECORDED)
def test_recorded_conversations_are_understood(uhubctl: Printing, recorded: str) -> None:
    uhubctl.will(RECORDED[recorded])
    with serve(power=port()) as board:
        board.power.off()
        assert board.power.is_on() is False
        with pytest.raises(OSError, match="port 4 of the USB hub 1-1 is not on after uhubctl has switched it"):
            board.power.on()


def test_a_port_that_stays_on_is_told() -> None:
    said = "is not off after uhubctl has switched it; does the hub switch this port"
    with UsbHub(sticks=True), serve(power=port()) as board, pytest.raises(OSError, match=said):
        board.power.off()


@pytest.mark.parametrize(
    ("text", "status", "said"),
    [
        ("No compatible devices detected at location 1-1!\n", 1, "there is no hub 1-1 that switches its ports"),
        (
            "No compatible devices detected!\nThere were permission problems while accessing USB.\n",
            1,
            "can't be reached: permission denied; allow the exporter's user to use the hub, by a rule of udev",
        ),
        ("Cannot initialize libusb\n", 1, '"uhubctl -l 1-1 -p 4" failed with exit status 1: Cannot initialize'),
        ("A new line of output\n", 0, "uhubctl tells nothing of port 4 of the USB hub 1-1; it printed: A new"),
        ("", 0, "it printed: nothing"),
    ],
)
def test_failures_are_sentences(uhubctl: Printing, text: str, status: int, said: str) -> None:
    uhubctl.will(text, status)
    with serve(power=port()) as board, pytest.raises(OSError, match=said):
        board.power.is_on()


@pytest.mark.needs("uhubctl")
def test_the_real_program_finds_no_such_hub() -> None:
    driver = port("99-9.9")
    with serve(power=driver) as board:
        for call in (board.power.is_on, board.power.on, board.power.off):
            with pytest.raises(OSError, match="there is no hub 99-9.9 that switches its ports"):
                call()


def test_a_port_that_the_hub_does_not_have_is_told() -> None:
    with (
        UsbHub(),
        serve(power=port(number=9)) as board,
        pytest.raises(OSError, match="uhubctl tells nothing of port 9"),
    ):
        board.power.on()


def test_a_missing_program_is_named_with_its_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("jumplab_exporter.drivers.tools._FOLDERS", ())
    said = r"the program uhubctl is not installed .* apt install uhubctl"
    with serve(power=port()) as board, pytest.raises(OSError, match=said):
        board.power.on()


async def test_the_check_asks_for_the_state_and_switches_nothing() -> None:
    with UsbHub() as hub:
        await port().check()
        assert hub.ran == ["-l 1-1 -p 4"]
        with pytest.raises(OSError, match="there is no hub 7-7"):
            await port("7-7").check()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"hub": "1-1"}, "port: is missing"),
        ({"hub": "1-1", "port": 0}, "port: must be at least 1"),
        ({"hub": "-a off", "port": 1}, "hub"),
        ({"hub": "1-1; reboot", "port": 1}, "hub"),
    ],
)
def test_wrong_settings_are_refused_in_a_sentence(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(errors.ConfigurationInvalid, match=said):
        UsbHubPower(**settings)
