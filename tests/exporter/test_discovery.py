"""`jumplab-exporter discover`: what it finds in sysfs, what it proposes, and that it opens no device."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import yaml

from jumplab_exporter.config import LocalConfig, load_local
from jumplab_exporter.control.place import running_configurations
from jumplab_exporter.discovery import probing
from jumplab_exporter.discovery.host import GpioChip, SdMux, SerialPort, Thing, UsbDevice, UsbHub
from jumplab_exporter.discovery.proposal import proposal_of
from jumplab_exporter.discovery.usage import Usage, named_in
from jumplab_exporter.discovery.watching import changes
from jumplab_exporter.reports import Status
from tests.exporter.control_plane import ControlPlane
from tests.exporter.sysfs_trees import HostTree, bench
from tests.exporter.test_process import command, outcome
from tests.exporter.test_schema import faults

NOTHING_IN_USE = Usage({})

_LISTENING = """
import json, sys
opened = []
sys.addaudithook(lambda event, args: opened.append(str(args[0])) if event in ("open", "socket.connect") else None)
from pathlib import Path
from jumplab_exporter.discovery.host import Host
from jumplab_exporter.discovery.proposal import proposal_of
from jumplab_exporter.discovery.usage import Usage
things = Host(Path(sys.argv[1]), Path(sys.argv[2])).things()
proposal_of(things, Usage.now(), {})
print(json.dumps([len(things), [path for path in opened if path.startswith(sys.argv[2])], len(opened)]))
"""


@pytest.fixture
def tree(tmp_path: Path) -> HostTree:
    return bench(tmp_path / "host")


def proposed(tree: HostTree, usage: Usage = NOTHING_IN_USE) -> tuple[dict[str, Any], str]:
    """The proposal: its entries, and its text. Names of devices are as on a host."""
    text = proposal_of(tree.host.things(), usage, {}).replace(f"{tree.dev}/", "/dev/")
    document = yaml.safe_load(text)
    assert faults(document) == []
    return document["export"], text


def test_serial_ports_have_stable_names_and_the_names_of_their_adapters(tree: HostTree) -> None:
    ports = {port.device.name: port for port in tree.host.serial_ports()}
    assert list(ports) == ["ttyS0", "ttyUSB0", "ttyUSB1", "ttyUSB2", "ttyUSB10"]  # not the host's console, not ttyS1
    ftdi = ports["ttyUSB0"]
    assert ftdi.name == tree.dev / "serial/by-id/usb-FTDI_FT232R_USB_UART_A50285BI-if00-port0"
    assert ftdi.usb == UsbDevice("1-1.2", "0403", "6001", "FTDI", "FT232R USB UART", "A50285BI")
    assert [ports[name].is_stable for name in ("ttyS0", "ttyUSB0", "ttyUSB1")] == [True, True, False]
    assert [ports[name].interface for name in ("ttyUSB2", "ttyUSB10")] == ["00", "01"]


def test_gpio_chips_have_label_and_lines_by_older_and_newer_kernels(tree: HostTree) -> None:
    assert list(tree.host.gpio_chips()) == [
        GpioChip(tree.dev / "gpiochip0", "pinctrl-bcm2711", 58),
        GpioChip(tree.dev / "gpiochip1", "raspberrypi-exp-gpio", 8),
    ]


def test_sd_muxes_have_their_control_and_their_card(tree: HostTree) -> None:
    mux, wire = tree.host.sd_muxes()
    assert (mux.kind, mux.control) == ("storage-mux/usbsdmux", str(tree.dev / "usb-sd-mux/id-00048.00643"))
    assert mux.card == tree.dev / "disk/by-id/usb-LinuxAut_sdmux_HS-SD_MMC_000048000643-0:0"
    assert (wire.kind, wire.control) == ("storage-mux/sdwire", "sd-wire_11")
    assert wire.card == tree.dev / "disk/by-id/usb-Generic_Ultra_HS-SD_MMC_000000264001-0:0"


def test_hubs_have_their_ports_and_the_devices_there(tree: HostTree) -> None:
    hub, of_wire, root = tree.host.usb_hubs()
    assert (root.usb.location, hub.usb.location, of_wire.usb.location) == ("1", "1-1", "1-3")
    assert hub.ports == 4
    assert dict(hub.attached)[2] == "FTDI FT232R USB UART, serial number A50285BI"
    assert [port for port, _ in root.attached] == [1, 2, 3]


def test_a_host_with_nothing_has_an_empty_proposal(tmp_path: Path) -> None:
    assert yaml.safe_load(proposal_of([], NOTHING_IN_USE, {}))["export"] == {}


def test_the_proposal_is_a_configuration(tree: HostTree, tmp_path: Path) -> None:
    entries, text = proposed(tree)
    assert entries["console-a50285bi"] == {
        "type": "console/serial",
        "config": {"url": "/dev/serial/by-id/usb-FTDI_FT232R_USB_UART_A50285BI-if00-port0"},
    }
    assert list(entries) == [
        *("console-ttys0", "console-a50285bi", "console-1-1-3", "console-ft1", "console-ft1-01"),
        *("card-00048-00643", "card-sd-wire-11"),
    ]
    assert entries["card-sd-wire-11"]["config"]["device_serial"] == "sd-wire_11"
    assert "# GPIO chip /dev/gpiochip0: pinctrl-bcm2711, 58 lines" in text
    assert "#   port 2: FTDI FT232R USB UART, serial number A50285BI" in text
    assert text.count("udev has made no stable name for it") == 1
    file = tmp_path / "proposed.yaml"
    file.write_text(text)
    assert load_local(file).export.keys() == entries.keys()


def test_comments_become_entries_when_their_mark_is_removed(tree: HostTree) -> None:
    _, text = proposed(tree)
    suggested = text[text.index("# if it switches its ports:\n") :].splitlines()[1:6]
    entry = yaml.safe_load("\n".join(line.removeprefix("# ") for line in suggested))
    assert entry == {"power": {"type": "power/uhubctl", "config": {"hub": "1-1", "port": 1}}}


def test_two_of_a_kind_have_names_of_their_own(tmp_path: Path) -> None:
    tree = HostTree(tmp_path)
    for number in (1, 2):
        tree.usb(f"1-{number}", ids=("067b", "2303"), serial="000")
        tree.usb_serial(f"1-{number}", f"ttyUSB{number}")
    assert list(proposed(tree)[0]) == ["console-000", "console-000-2"]


def test_the_words_of_a_device_stay_in_their_comment(tmp_path: Path) -> None:
    tree = HostTree(tmp_path)
    tree.usb("1-1", ids=("067b", "2303"), product="Evil\n  power: {type: power/command}\x1b[2J", serial="#: {}")
    tree.usb_serial("1-1", "ttyUSB0")
    entries, text = proposed(tree)
    assert list(entries) == ["console"]
    assert "\x1b" not in text


def test_a_mux_without_a_card_is_a_comment_that_says_what_to_do(tmp_path: Path) -> None:
    tree = HostTree(tmp_path)
    tree.usb("1-1", ids=("33f7", "0001"), maker="Linux Automation", product="USB-SD-Mux FAST", serial="7")
    entries, text = proposed(tree)
    assert not entries
    assert "insert one, switch the mux to the host, and discover again" in text


def test_things_that_an_exporter_uses_are_marked_and_not_proposed(tree: HostTree) -> None:
    export = {
        "a": {"type": "console/serial", "config": {"url": f"spy://{tree.dev}/ttyUSB0"}},
        "b": {"children": {"mux": {"type": "storage-mux/sdwire", "config": {"device_serial": "sd-wire_11"}}}},
        "c": {"type": "power/uhubctl", "config": {"hub": "1-1", "port": 2}},
        "d": {"ref": "a"},
    }
    header = {"apiVersion": "jumpstarter.dev/v1alpha1", "kind": "ExporterConfig"}
    named = named_in(LocalConfig.model_validate({**header, "export": export}).export)
    entries, text = proposed(tree, Usage(dict.fromkeys(named, "/etc/jumpstarter/exporters/bench.yaml")))
    assert "console-a50285bi" not in entries
    assert "card-sd-wire-11" not in entries
    assert text.count("# in use by the exporter of /etc/jumpstarter/exporters/bench.yaml") == 3


async def test_exporters_that_run_are_found_and_those_that_do_not_are_not(
    plane: ControlPlane, configured: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    file = tmp_path / "bench.yaml"
    device = tmp_path / "ttyUSB0"
    console = {"type": "console/serial", "config": {"url": str(device)}}
    file.write_text(yaml.safe_dump(configured(export={"console": console})))
    port = SerialPort(device, device, None, "")
    async with command("run", file) as process:
        await plane.heard(Status.AVAILABLE)
        assert Usage.now().user_of(port) == str(file)
        process.kill()
        await process.wait()
    assert file not in list(running_configurations())
    assert Usage.now().user_of(port) == ""


def test_no_device_is_opened(tree: HostTree) -> None:
    """Each device is a FIFO besides: a read of one would never end."""
    said = subprocess.run(
        [sys.executable, "-c", _LISTENING, tree.sysfs, tree.dev], capture_output=True, text=True, check=True
    )
    found, opened, listened = json.loads(said.stdout)
    assert (found, opened) == (len(tree.host.things()), [])
    assert listened > found  # the hook has heard of sysfs


def test_what_comes_and_goes_is_told(tree: HostTree) -> None:
    steps = iter(
        [
            lambda: None,
            lambda: tree.usb_serial("1-1.2", "ttyUSB7", interface=3, link="usb-new"),
            lambda: tree.unplug("ttyUSB7"),
        ]
    )
    told = changes(lambda: tree.host.things(), lambda: next(steps)())
    title = f"serial port {tree.dev}/serial/by-id/usb-new (FTDI FT232R USB UART, serial number A50285BI)"
    assert list(islice(told, 2)) == [f"+ {title}", f"- {title}"]


async def test_a_probe_says_whether_a_device_can_be_opened(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    try:
        device = Path(os.ttyname(theirs))
        assert await probing.probe(SerialPort(device, device, None, "")) == ["it can be opened"]
        assert os.get_blocking(ours)
        assert fcntl.fcntl(theirs, fcntl.F_GETFD) >= 0
    finally:
        os.close(ours)
        os.close(theirs)
    gone = tmp_path / "ttyUSB0"
    assert await probing.probe(SerialPort(gone, gone, None, "")) == ["it can't be opened: No such file or directory"]


@pytest.mark.parametrize(
    ("printed", "remark"),
    [
        ("Current status for hub 1-1 [2109:3431 USB2.0 Hub, USB 2.10, 4 ports, ppps]", "uhubctl can switch its ports"),
        ("No compatible devices detected at location 1-1!", "uhubctl does not list it"),
    ],
)
async def test_a_probe_asks_uhubctl_about_a_hub(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, printed: str, remark: str
) -> None:
    program = tmp_path / "uhubctl"
    program.write_text(f"#!/bin/sh\necho '{printed}'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    hub: Thing = UsbHub(UsbDevice("1-1", "2109", "3431", "", "USB2.0 Hub", ""), 4, ())
    (said,) = await probing.probe(hub)
    assert said.startswith(remark)
    mux: Thing = SdMux("storage-mux/sdwire", UsbDevice("1-1", "", "", "", "", ""), "sd-wire_1", None)
    assert await probing.probe(mux) == []


async def test_the_command_proposes_for_this_host() -> None:
    status, output = await outcome("discover")
    assert status == 0
    assert faults(yaml.safe_load(output)) == []
    status, output = await outcome("discover", "--watch", "--probe")
    assert (status, output.count("leave out --probe")) == (2, 1)
