"""The USB-SD-Mux of Linux Automation, switched by its program usbsdmux."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, cast

from jumplab.drivers.storage_mux import Side
from jumplab_exporter.drivers.shell_commands import COMMAND_TIMEOUT
from jumplab_exporter.drivers.storage_mux.switching import StorageMux
from jumplab_exporter.drivers.tools import Tool

_USBSDMUX = Tool("usbsdmux", "pip install usbsdmux, and have it on the exporter's PATH")


class UsbSdMux(StorageMux):
    """A USB-SD-Mux or USB-SD-Mux FAST, which the program usbsdmux switches; the child `storage` is its card.

    control: its own device;  path: the card's block device.  timeout: how long the card may take to come or to go.
    serial, max_size, allow_fixed, allow_loop: which device the card may be, as those of storage/disk.
    """

    example_configuration: ClassVar[Mapping[str, Any]] = {
        "control": "/dev/usb-sd-mux/id-00048.00643",
        "path": "/dev/disk/by-id/usb-LinuxAut_sdmux_HS-SD_MMC_000048000643-0:0",
    }

    control: Path

    def exclusive_device(self) -> str:
        return os.path.realpath(self.control)

    def missing_device(self) -> str:
        return "" if self.control.exists() else str(self.control)

    def device_problem(self) -> str:
        return ""

    async def _order(self, side: Side) -> None:
        await self._run(side)

    async def _ask(self) -> Side:
        said = await self._run("get")
        if said not in ("host", "dut", "off"):
            raise OSError(f"usbsdmux says {said or 'nothing'!r} of {self.control}, which is no side of a mux")
        return cast(Side, said)

    async def _run(self, action: str) -> str:
        if not self.control.exists():
            raise FileNotFoundError(f"there is no {self.control}: is the mux plugged in?")
        return (await _USBSDMUX.run(str(self.control), action, timeout=COMMAND_TIMEOUT)).succeeded()
