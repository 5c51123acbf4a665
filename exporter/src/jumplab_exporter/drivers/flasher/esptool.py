"""Chips of Espressif, written by esptool. Options as of its version 5."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, Field, StringConstraints

from jumplab_exporter.drivers.flasher.flashing import Name, Ran, TargetSettings, ToolFlasher
from jumplab_exporter.drivers.flasher.image import Image, Place
from jumplab_exporter.drivers.flasher.tool_output import Sign
from jumplab_exporter.drivers.sizes import Size, in_units_of
from jumplab_exporter.drivers.tools import Tool

ESPTOOL = Tool("esptool", "install PyPI's package esptool, and have it on the exporter's PATH")
SECTOR_BYTES = 4096
_WRITING = "Writing at 0x"


def _whole_sectors(value: int) -> int:
    if value % SECTOR_BYTES:
        raise ValueError("must be a multiple of 4KiB, since the chip erases whole sectors")
    return value


class EsptoolTarget(TargetSettings):
    """A part of the flash memory.  offset: where it begins;  size: how much it has."""

    offset: Annotated[int, in_units_of(1), Field(ge=0), AfterValidator(_whole_sectors)]
    size: Annotated[Size, AfterValidator(_whole_sectors)]


class EsptoolFlasher(ToolFlasher):
    """A chip of Espressif that esptool writes.  port: a serial port, or socket://HOST:PORT, rfc2217://HOST:PORT;
    targets: parts of its flash memory by the names that clients use.

    chip: as esptool's option --chip has it.  resets: whether DTR and RTS of the port bring the chip into its boot
    loader and start it afterwards.  stub: whether esptool runs a program of its own on the chip, which is faster.
    timeout: esptool is killed where it takes longer.
    """

    tool: ClassVar[Tool] = ESPTOOL
    signs: ClassVar[Sequence[Sign]] = (
        Sign(r"^Connecting", "connecting"),
        Sign(r"^Erasing flash", "erasing"),
        Sign(rf"^{_WRITING}.* (?P<done>\d+)\.\d% ", "writing"),
        Sign(r"^Verifying written data", "verifying"),
        Sign(r"^Hash of data verified", verified=True),
    )
    example_configuration: ClassVar[Mapping[str, Any]] = {
        "port": "/dev/serial/by-id/usb-Espressif-if00",
        "targets": {"bootloader": {"offset": 0x1000, "size": "28KiB"}, "app": {"offset": 0x10000, "size": "1MiB"}},
    }

    port: Annotated[str, StringConstraints(pattern=r"^(/|socket://|rfc2217://)\S+$")]
    targets: Annotated[dict[Name, EsptoolTarget], Field(min_length=1)]
    chip: Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+$")] = "auto"
    resets: bool = True
    stub: bool = True

    async def _place(self, target: str) -> Place:
        return Place(self.targets[target].size)

    async def _write(self, target: str, place: Place, image: Image) -> Ran:  # noqa: ARG002 - the target says it
        offset = self.targets[target].offset
        return await self.run_tool(*self._chip, "write-flash", hex(offset), image.path, files=(image.descriptor,))

    async def _clear(self, target: str, place: Place) -> Ran:  # noqa: ARG002 - as above
        wanted = self.targets[target]
        return await self.run_tool(*self._chip, "erase-region", hex(wanted.offset), hex(wanted.size))

    def _say(self, line: str) -> None:
        if not line.startswith(_WRITING):  # one for each KiB; they are progress
            super()._say(line)

    @property
    def _chip(self) -> tuple[str, ...]:
        resets = () if self.resets else ("--before", "no-reset", "--after", "no-reset")
        return ("--chip", self.chip, "--port", self.port, *resets, *(() if self.stub else ("--no-stub",)))
