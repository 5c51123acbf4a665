"""Trees as sysfs and udev's links in /dev have them, for a host that a test invents."""

from __future__ import annotations

import os
from pathlib import Path

from jumplab_exporter.discovery.host import Host

_HOST = "devices/platform/soc/xhci-hcd.0"


class HostTree:
    """Adds devices, as the kernel and udev would when they are plugged in. The nodes in /dev are FIFOs."""

    def __init__(self, folder: Path) -> None:
        self.sysfs, self.dev = folder / "sys", folder / "dev"
        self.dev.mkdir(parents=True)
        (self.sysfs / "class/tty").mkdir(parents=True)
        self.usb("usb1", ids=("1d6b", "0002"), product="xHCI Host Controller", ports=4)

    @property
    def host(self) -> Host:
        return Host(self.sysfs, self.dev)

    def usb(
        self,
        location: str,
        *,
        ids: tuple[str, str],
        maker: str = "",
        product: str = "",
        serial: str = "",
        ports: int = 0,
    ) -> Path:
        """A USB device; a hub, if it has ports."""
        folder = self._usb_folder(location)
        texts = {"idVendor": ids[0], "idProduct": ids[1], "manufacturer": maker, "product": product, "serial": serial}
        self._write(folder, {**texts, "bDeviceClass": "09" if ports else "00", "maxchild": str(ports)})
        self._link("bus/usb/devices", folder)
        return folder

    def usb_serial(self, location: str, name: str, *, interface: int = 0, link: str = "") -> None:
        """A serial port of a USB device."""
        at = self._usb_folder(location) / f"{location}:1.{interface}"
        self._write(at, {"bInterfaceNumber": f"{interface:02x}"})
        port = at / name / "tty" / name
        port.mkdir(parents=True)
        (port / "device").symlink_to("../..")
        self._link("class/tty", port)
        self._node(name, "serial/by-id", link)

    def platform_serial(self, name: str, *, kind: int) -> None:
        """A port of the machine itself.  kind: 0: the hardware lacks it."""
        port = self.sysfs / "devices/platform/serial8250/tty" / name
        self._write(port, {"type": str(kind)})
        (port / "device").symlink_to("../..")
        self._link("class/tty", port)
        self._node(name)

    def virtual_terminal(self, name: str, **attributes: str) -> None:
        port = self.sysfs / "devices/virtual/tty" / name
        self._write(port, attributes)
        self._link("class/tty", port)

    def disk(self, location: str, name: str, *, generic: str = "", link: str = "", control: str = "") -> None:
        """A SCSI disk of a USB device, and its generic device."""
        scsi = self._usb_folder(location) / f"{location}:1.0/host0/target0:0:0/0:0:0:0"
        (scsi / "block" / name / f"{name}1").mkdir(parents=True)
        self._node(name, "disk/by-id", link)
        if generic:
            (scsi / "scsi_generic" / generic).mkdir(parents=True)
            self._node(generic, "usb-sd-mux", control)

    def gpio(self, name: str, *, label: str, lines: int, old: bool = False) -> None:
        """A GPIO chip, in the places of older or of newer kernels."""
        above = self.sysfs / f"devices/platform/soc/{label}"
        chip = above / name
        chip.mkdir(parents=True)
        self._write((above if old else chip) / "gpio/gpiochip512", {"label": label, "ngpio": str(lines)})
        self._link("bus/gpio/devices", chip)
        self._node(name)

    def unplug(self, name: str) -> None:
        """A serial port goes."""
        (self.sysfs / "class/tty" / name).unlink()

    def _usb_folder(self, location: str) -> Path:
        """Below its hubs: 1-1.4 is at usb1/1-1/1-1.4."""
        root = self.sysfs / _HOST
        if location.startswith("usb"):
            return root / location
        bus, _, ports = location.partition("-")
        numbers = ports.split(".")
        hubs = [f"{bus}-{'.'.join(numbers[: count + 1])}" for count in range(len(numbers))]
        return root.joinpath(f"usb{bus}", *hubs)

    def _write(self, folder: Path, attributes: dict[str, str]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in attributes.items():
            if text:
                (folder / name).write_text(f"{text}\n")

    def _link(self, place: str, folder: Path) -> None:
        links = self.sysfs / place
        links.mkdir(parents=True, exist_ok=True)
        (links / folder.name).symlink_to(os.path.relpath(folder, links))

    def _node(self, name: str, place: str = "", link: str = "") -> None:
        os.mkfifo(self.dev / name)
        if link:
            links = self.dev / place
            links.mkdir(parents=True, exist_ok=True)
            (links / link).symlink_to(os.path.relpath(self.dev / name, links))


def bench(folder: Path) -> HostTree:
    """A host with a bit of everything."""
    tree = HostTree(folder)
    tree.virtual_terminal("console", active="tty0 ttyAMA0")
    tree.virtual_terminal("tty1")
    tree.platform_serial("ttyS0", kind=4)
    tree.platform_serial("ttyS1", kind=0)
    tree.platform_serial("ttyAMA0", kind=32)
    tree.usb("1-1", ids=("2109", "3431"), product="USB2.0 Hub", ports=4)
    tree.usb("1-1.2", ids=("0403", "6001"), maker="FTDI", product="FT232R USB UART", serial="A50285BI")
    tree.usb_serial("1-1.2", "ttyUSB0", link="usb-FTDI_FT232R_USB_UART_A50285BI-if00-port0")
    tree.usb("1-1.3", ids=("1a86", "7523"), product="USB Serial")
    tree.usb_serial("1-1.3", "ttyUSB1")
    tree.usb("1-1.4", ids=("0403", "6011"), maker="FTDI", product="Quad RS232-HS", serial="FT1")
    tree.usb_serial("1-1.4", "ttyUSB2", interface=0, link="usb-FTDI_Quad_RS232-HS_FT1-if00-port0")
    tree.usb_serial("1-1.4", "ttyUSB10", interface=1, link="usb-FTDI_Quad_RS232-HS_FT1-if01-port0")
    tree.usb("1-2", ids=("0424", "4041"), maker="LinuxAut", product="sdmux HS-SD/MMC", serial="00048.00643")
    tree.disk(
        "1-2", "sda", generic="sg0", link="usb-LinuxAut_sdmux_HS-SD_MMC_000048000643-0:0", control="id-00048.00643"
    )
    tree.usb("1-3", ids=("0424", "2640"), product="USB 2.0 Hub", ports=3)
    tree.usb("1-3.1", ids=("0424", "4050"), product="Ultra Fast Media Reader", serial="000000264001")
    tree.disk("1-3.1", "sdb", link="usb-Generic_Ultra_HS-SD_MMC_000000264001-0:0")
    tree.usb("1-3.2", ids=("04e8", "6001"), maker="SRPOL", product="sd-wire", serial="sd-wire_11")
    tree.gpio("gpiochip0", label="pinctrl-bcm2711", lines=58)
    tree.gpio("gpiochip1", label="raspberrypi-exp-gpio", lines=8, old=True)
    return tree
