"""Boards in fastboot mode. Protocol: https://android.googlesource.com/platform/system/core/+/main/fastboot/README.md."""

import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Annotated, Any, ClassVar

from pydantic import Field, StringConstraints

from jumplab_exporter.drivers.flasher.flashing import Name, Ran, TargetSettings, ToolFlasher
from jumplab_exporter.drivers.flasher.image import Image, Place
from jumplab_exporter.drivers.flasher.tool_output import Sign
from jumplab_exporter.drivers.shell_commands import CommandTimeout
from jumplab_exporter.drivers.tools import Tool

FASTBOOT = Tool("fastboot", "on Debian: apt install fastboot")
_DOWNLOAD_VARIABLE = "max-download-size"
_SPARSE_MAGIC = b"\x3a\xff\x26\xed"
_SPARSE_BLOCK_BYTES = 4096


class FastbootTarget(TargetSettings):
    """A partition.  partition: its name on the device;  size: how much it takes, where the device does not tell."""

    partition: Name


class FastbootFlasher(ToolFlasher):
    """A board in fastboot mode, by USB or over a network.  device: its serial number, or tcp:HOST:PORT, udp:HOST:PORT;
    targets: its partitions by the names that clients use.

    device_timeout: how long the board may take to be there.  timeout: fastboot is killed where it takes longer.
    """

    tool: ClassVar[Tool] = FASTBOOT
    signs: ClassVar[Sequence[Sign]] = (
        Sign(r"^Sending '", "sending"),
        Sign(r"^Sending sparse '[^']+' (?P<done>\d+)/(?P<total>\d+)", "sending pieces"),
        Sign(r"^Writing '", "writing"),
        Sign(r"^Erasing '", "erasing"),
    )
    example_configuration: ClassVar[Mapping[str, Any]] = {
        "device": "0123456789ABCDEF",
        "targets": {"bootloader": {"partition": "boot"}, "system": {"partition": "rootfs", "size": "2GiB"}},
    }

    device: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][^\s]*$")]
    targets: Annotated[dict[Name, FastbootTarget], Field(min_length=1)]
    device_timeout: CommandTimeout = timedelta(seconds=30)

    _download_bytes: int | None = None

    async def _place(self, target: str) -> Place:
        partition_variable = f"partition-size:{self.targets[target].partition}"
        told = await self._ask(partition_variable, _DOWNLOAD_VARIABLE)
        self._download_bytes = told[_DOWNLOAD_VARIABLE]
        sizes = [size for size in (self.targets[target].size, told[partition_variable]) if size]
        return Place(min(sizes, default=None))

    async def _write(self, target: str, place: Place, image: Image) -> Ran:  # noqa: ARG002 - the partition says it
        partition = self.targets[target].partition
        if self._download_bytes and image.size_bytes > self._download_bytes and image.begin(4) != _SPARSE_MAGIC:
            # It becomes sparse images, one for each download: fastboot 29 makes those wrong where it has half a block.
            image.round_up(_SPARSE_BLOCK_BYTES)
        return await self.run_tool(*self._device, "flash", partition, image.path, files=(image.descriptor,))

    async def _clear(self, target: str, place: Place) -> Ran:  # noqa: ARG002 - as above
        return await self.run_tool(*self._device, "erase", self.targets[target].partition)

    async def _ask(self, *variables: str) -> dict[str, int | None]:
        """Numbers that the device tells; None for those that it does not. Raises TimeoutError where none answers."""
        words = [word for variable in variables for word in ("getvar", variable)]
        try:
            ran = await self.run_tool(*self._device, *words, timeout=self.device_timeout, quiet=True)
        except TimeoutError:
            limit = self.device_timeout.total_seconds()
            raise TimeoutError(
                f"no device {self.device} came into fastboot mode within {limit:g} s; is the board on, and in it?"
            ) from None
        return {variable: _number_of(variable, ran.log) for variable in variables}

    @property
    def _device(self) -> tuple[str, ...]:
        return ("-s", self.device)


def _number_of(variable: str, printed: str) -> int | None:
    found = re.search(rf"^{re.escape(variable)}: *(0[xX][0-9a-fA-F]+|[0-9]+)", printed, re.MULTILINE)
    return int(found[1], 0) if found else None
