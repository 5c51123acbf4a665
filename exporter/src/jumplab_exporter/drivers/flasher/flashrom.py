"""SPI flash chips, written by flashrom. Options as of its manual page, 1.3."""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Annotated, Any, BinaryIO, ClassVar

from pydantic import Field, StringConstraints

from jumplab_exporter.drivers.flasher.flashing import Name, Ran, TargetSettings, ToolFlasher
from jumplab_exporter.drivers.flasher.image import Image, Place
from jumplab_exporter.drivers.flasher.tool_output import Sign
from jumplab_exporter.drivers.shell_commands import COMMAND_TIMEOUT
from jumplab_exporter.drivers.sizes import in_units_of
from jumplab_exporter.drivers.tools import Tool

FLASHROM = Tool("flashrom", "on Debian: apt install flashrom")
_REGION = "target"
"""The region's name in the layout that flashrom gets; targets may have names that it does not take."""


class FlashromTarget(TargetSettings):
    """A part of the chip.  offset: where it begins;  size: how much it has, without it to the chip's end."""

    offset: Annotated[int, in_units_of(1), Field(ge=0)] = 0


class FlashromFlasher(ToolFlasher):
    """An SPI flash chip that flashrom writes.  programmer: as flashrom's option -p has it;  targets: parts of the chip
    by the names that clients use, each with `offset` and `size`.

    chip: its name, where flashrom finds several.  timeout: flashrom is killed where it takes longer.
    """

    tool: ClassVar[Tool] = FLASHROM
    signs: ClassVar[Sequence[Sign]] = (
        Sign(r"Reading old flash chip contents", "reading what the chip has"),
        Sign(r"Erasing and writing flash chip", "erasing and writing"),
        Sign(r"Verifying flash", "verifying"),
        Sign(r"Verifying flash\.\.\. VERIFIED|content is identical to the requested image", verified=True),
    )
    example_configuration: ClassVar[Mapping[str, Any]] = {
        "programmer": "ch341a_spi",
        "targets": {"all": {}, "bootloader": {"offset": 0, "size": "512KiB"}},
    }

    programmer: Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]+(:.+)?$")]
    targets: Annotated[dict[Name, FlashromTarget], Field(min_length=1)]
    chip: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9]")] | None = None

    async def _place(self, target: str) -> Place:
        wanted, chip_bytes = self.targets[target], await self._chip_bytes()
        size_bytes = chip_bytes - wanted.offset if wanted.size is None else wanted.size
        if size_bytes <= 0 or wanted.offset + size_bytes > chip_bytes:
            raise OSError(
                f'the chip has {chip_bytes} bytes, and the target "{target}" ends behind them; correct its `offset` '
                "and `size`"
            )
        return Place(size_bytes, wanted.offset, chip_bytes)

    async def _write(self, target: str, place: Place, image: Image) -> Ran:  # noqa: ARG002 - its region tells
        with _layout(place) as layout:
            return await self.run_tool(
                *self._chip, *_region(layout), "-w", image.path, files=(layout.fileno(), image.descriptor)
            )

    async def _clear(self, target: str, place: Place) -> Ran:  # noqa: ARG002 - as above
        with _layout(place) as layout:
            return await self.run_tool(*self._chip, *_region(layout), "-E", files=(layout.fileno(),))

    async def _chip_bytes(self) -> int:
        """How large the chip is, which is found and asked. Raises OSError, TimeoutError."""
        ran = await self.run_tool(*self._chip, "--flash-size", timeout=COMMAND_TIMEOUT, quiet=True)
        last = ran.log.rpartition("\n")[2]
        if ran.status != 0 or not last.isdecimal():
            raise OSError(f"flashrom finds no chip by the programmer {self.programmer}{ran.shown}")
        return int(last)

    @property
    def _chip(self) -> tuple[str, ...]:
        return ("-p", self.programmer, *(("-c", self.chip) if self.chip else ()))


@contextmanager
def _layout(place: Place) -> Iterator[BinaryIO]:
    """A file for flashrom's option -l, with one region."""
    assert place.size_bytes is not None
    first, last = place.offset_bytes, place.offset_bytes + place.size_bytes - 1
    with tempfile.TemporaryFile(buffering=0) as file:
        file.write(f"{first:08x}:{last:08x} {_REGION}\n".encode())
        yield file


def _region(layout: BinaryIO) -> tuple[str, ...]:
    """Writes, and verifies, this region alone; the rest of the chip keeps what it has."""
    return ("-l", f"/dev/fd/{layout.fileno()}", "-i", _REGION, "-N")
