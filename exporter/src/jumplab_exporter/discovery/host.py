"""What the host has, as sysfs and the links that udev makes in /dev show it. No device is opened."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

_STABLE_LINKS = ("serial/by-id", "disk/by-id", "usb-sd-mux", "serial/by-path", "disk/by-path")
"""In the order of preference: a thing's own name goes before the place where it is plugged in."""

_USB_SD_MUX = {("33f7", "0001")}
"""USB-SD-Mux FAST; earlier ones have the reader chip's ids, and their maker's name."""
_SDWIRE = ("04e8", "6001")
_HUB_CLASS = "09"


@dataclass(frozen=True, slots=True)
class UsbDevice:
    """A device on the USB.  location: as the kernel and uhubctl name it, such as 1-1.4."""

    location: str
    vendor_id: str
    product_id: str
    maker: str
    product: str
    serial: str

    @property
    def title(self) -> str:
        """For people."""
        named = " ".join(filter(None, (self.maker, self.product))) or f"USB {self.vendor_id}:{self.product_id}"
        return f"{named}, serial number {self.serial}" if self.serial else named


@dataclass(frozen=True, slots=True)
class SerialPort:
    """device: the kernel's name, as /dev/ttyUSB0.  name: a stable one, where there is one.  interface: of an adapter
    with several ports."""

    device: Path
    name: Path
    usb: UsbDevice | None
    interface: str

    @property
    def is_stable(self) -> bool:
        """Whether its name means the same port after a restart; a port of the board itself keeps its name."""
        return self.usb is None or self.name != self.device


@dataclass(frozen=True, slots=True)
class GpioChip:
    """label, lines: empty and 0 where this kernel doesn't show them."""

    device: Path
    label: str
    lines: int


@dataclass(frozen=True, slots=True)
class SdMux:
    """kind: its driver type.  control: what switches it: a device, or the name of an SDWire.  card: its block device,
    which is there while the mux is switched to the host."""

    kind: str
    usb: UsbDevice
    control: str
    card: Path | None


@dataclass(frozen=True, slots=True)
class UsbHub:
    """attached: what is plugged in, by port. sysfs doesn't show whether the hub switches its ports."""

    usb: UsbDevice
    ports: int
    attached: tuple[tuple[int, str], ...]


Thing = SerialPort | GpioChip | SdMux | UsbHub


@dataclass(frozen=True)
class Host:
    """The roots of the trees that are read."""

    sysfs: Path = Path("/sys")
    dev: Path = Path("/dev")

    def things(self) -> list[Thing]:
        """All that was found, now."""
        return [*self.serial_ports(), *self.sd_muxes(), *self.gpio_chips(), *self.usb_hubs()]

    def serial_ports(self) -> Iterator[SerialPort]:
        consoles = _attribute(self.sysfs / "class/tty/console", "active").split()
        for entry in _entries(self.sysfs / "class/tty"):
            port = entry.resolve()
            if not (port / "device").exists() or _attribute(port, "type") == "0" or entry.name in consoles:
                continue  # a virtual terminal, a port that the hardware lacks, or the host's own console
            usb = self._usb_above(port)
            device = self.dev / entry.name
            interface = next((name for each in port.parents if (name := _attribute(each, "bInterfaceNumber"))), "")
            yield SerialPort(device, self._stable_name(device), usb, interface)

    def gpio_chips(self) -> Iterator[GpioChip]:
        for entry in _entries(self.sysfs / "bus/gpio/devices"):
            chip = entry.resolve()
            shown = [*_entries(chip / "gpio"), *_entries(chip.parent / "gpio")]  # since, and before Linux 5.x
            about = next((each for each in shown if _attribute(each, "ngpio")), chip)
            yield GpioChip(self.dev / entry.name, _attribute(about, "label"), int(_attribute(about, "ngpio") or 0))

    def sd_muxes(self) -> Iterator[SdMux]:
        for folder, usb in self._usb_devices:
            ids = (usb.vendor_id, usb.product_id)
            if ids in _USB_SD_MUX or (usb.maker == "LinuxAut" and "sdmux" in usb.product.lower()):
                control = next((self._stable_name(self.dev / each.name) for each in _below(folder, "scsi_generic")), "")
                yield SdMux("storage-mux/usbsdmux", usb, str(control), self._card_below(folder))
            elif ids == _SDWIRE and usb.product == "sd-wire":
                own_hub = folder.parent  # the reader is beside the switch, on the SDWire's own hub
                card = self._card_below(own_hub) if "-" in own_hub.name else None
                yield SdMux("storage-mux/sdwire", usb, usb.serial, card)

    def usb_hubs(self) -> Iterator[UsbHub]:
        for folder, usb in self._usb_devices:
            if _attribute(folder, "bDeviceClass") == _HUB_CLASS and (ports := int(_attribute(folder, "maxchild") or 0)):
                yield UsbHub(usb, ports, tuple(self._attached_to(usb)))

    def _attached_to(self, hub: UsbDevice) -> Iterator[tuple[int, str]]:
        below = rf"{re.escape(hub.location)}{'[.]' if '-' in hub.location else '-'}([0-9]+)"
        for _, usb in self._usb_devices:
            if port := re.fullmatch(below, usb.location):
                yield int(port[1]), usb.title

    @cached_property
    def _usb_devices(self) -> list[tuple[Path, UsbDevice]]:
        folders = [entry.resolve() for entry in _entries(self.sysfs / "bus/usb/devices")]
        return [(folder, usb) for folder in folders if (usb := _usb_device(folder))]

    def _usb_above(self, folder: Path) -> UsbDevice | None:
        return next((usb for each in folder.parents if (usb := _usb_device(each))), None)

    def _card_below(self, folder: Path) -> Path | None:
        return next((self._stable_name(self.dev / each.name) for each in _below(folder, "block")), None)

    def _stable_name(self, device: Path) -> Path:
        """The first of the links to a device, else the device."""
        for links in _STABLE_LINKS:
            for link in _entries(self.dev / links):
                if os.path.realpath(link) == os.path.realpath(device):
                    return link
        return device


def _usb_device(folder: Path) -> UsbDevice | None:
    vendor_id = _attribute(folder, "idVendor")
    if not vendor_id:
        return None
    location = folder.name.removeprefix("usb")
    names = ("idProduct", "manufacturer", "product", "serial")
    return UsbDevice(location, vendor_id, *(_attribute(folder, name) for name in names))


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir(), key=_by_number)
    except OSError:  # not of this kernel, or unplugged meanwhile
        return []


def _by_number(path: Path) -> list[tuple[int, str]]:
    """ttyUSB2 comes before ttyUSB10."""
    return [(int(number or 0), text) for text, number in re.findall(r"([^0-9]*)([0-9]*)", path.name)]


def _below(folder: Path, kind: str) -> list[Path]:
    """What the kernel lists in folders of this name, anywhere below."""
    return [each for found in sorted(folder.rglob(kind)) if found.is_dir() for each in _entries(found)]


def _attribute(folder: Path, name: str) -> str:
    """An attribute of sysfs, on one line; empty where there is none."""
    try:
        text = (folder / name).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    return " ".join("".join(each if each.isprintable() else " " for each in text).split())
