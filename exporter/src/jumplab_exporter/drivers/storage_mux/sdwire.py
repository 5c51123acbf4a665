"""The SDWire, switched by Tizen's program sd-mux-ctrl."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import Field

from jumplab.drivers.storage_mux import Side
from jumplab_exporter.drivers.shell_commands import COMMAND_TIMEOUT
from jumplab_exporter.drivers.storage_mux.switching import StorageMux
from jumplab_exporter.drivers.tools import Tool

_SD_MUX_CTRL = Tool("sd-mux-ctrl", "build it from Tizen's sources, and have it on the exporter's PATH")
_STATUS = re.compile(r"^SD connected to: (TS|DUT)$", re.MULTILINE)
_OPTIONS: dict[Side, str] = {"host": "--ts", "dut": "--dut"}


class SdWire(StorageMux):
    """An SDWire, which the program sd-mux-ctrl switches; the child `storage` is its card. It has no `off`.

    device_serial: its name, as sd-mux-ctrl --list prints it;  path: the card's block device.
    timeout: how long the card may take to come or to go.
    serial, max_size, allow_fixed, allow_loop: which device the card may be, as those of storage/disk.
    """

    example_configuration: ClassVar[Mapping[str, Any]] = {
        "device_serial": "sd-wire_11",
        "path": "/dev/disk/by-path/platform-xhci-hcd.0-usb-0:1.2.1:1.0-scsi-0:0:0:0",
    }

    device_serial: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.:-]+$")]

    def exclusive_device(self) -> str:
        return f"SDWire {self.device_serial}"

    def missing_device(self) -> str:
        return ""

    def device_problem(self) -> str:
        return ""

    async def _order(self, side: Side) -> None:
        if side not in _OPTIONS:
            raise NotImplementedError("an SDWire has no `off`; switch it to `host` or `dut`")
        await self._run(_OPTIONS[side])

    async def _ask(self) -> Side:
        said = await self._run("--status")
        found = _STATUS.search(said)
        if found is None:
            raise OSError(f"sd-mux-ctrl says {said or 'nothing'!r} of {self.device_serial}, which is no side of a mux")
        return "host" if found[1] == "TS" else "dut"

    async def _run(self, option: str) -> str:
        words = (f"--device-serial={self.device_serial}", option)
        return (await _SD_MUX_CTRL.run(*words, timeout=COMMAND_TIMEOUT)).succeeded()
