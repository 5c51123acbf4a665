"""A board in pure Python on a real terminal, for machines without QEMU."""

import asyncio
import os
from pathlib import Path
from types import TracebackType
from typing import Self

from pydantic import IPvAnyNetwork

from jumplab.driver import Driver
from jumplab.drivers.composite import CompositeInterface
from jumplab.drivers.power import PowerInterface
from jumplab_exporter.drivers.board.console import BoardConsole
from jumplab_exporter.drivers.board.firmware import Firmware
from jumplab_exporter.drivers.console.buffered import DISK_MIB, MEMORY_KIB, DiskMib, MemoryKib
from jumplab_exporter.drivers.console.ports import TerminalPort
from jumplab_exporter.drivers.console.serial_device import SerialDevice
from jumplab_exporter.drivers.sizes import SizeMib
from jumplab_exporter.drivers.storage.disk import FileDisk

_TICK_SECONDS = 1.0


class VirtualBoard(CompositeInterface, Driver):
    """A board with a boot log, a prompt and a few commands; its children are `power`, `console` and `storage`.

    disk: the file that is its disk, made if it isn't there; none: an empty one for each session.
    disk_mib: the size of a disk that is made.
    fetch_from: from where images for its disk are fetched, beside public addresses.
    console_memory_kib, console_disk_mib: how much of what the console says is kept, as for every console.
    """

    disk: Path | None = None
    disk_mib: SizeMib = 64
    fetch_from: tuple[IPvAnyNetwork, ...] = ()
    console_memory_kib: MemoryKib = MEMORY_KIB
    console_disk_mib: DiskMib = DISK_MIB

    def make_children(self) -> dict[str, Driver]:
        self._supply = _Supply(self)
        self._storage = FileDisk(
            path=self.disk,
            size_mib=self.disk_mib,
            fetch_from=self.fetch_from,
            why_in_use=self._supply.why_disk_in_use,
            files_only=True,
            qcow2_advice="and this board takes raw disks alone; convert it with qemu-img",
        )
        self._console = BoardConsole(memory_kib=self.console_memory_kib, disk_mib=self.console_disk_mib)
        self._firmware = Firmware(self._storage.head)
        return {"storage": self._storage, "console": self._console, "power": self._supply}

    async def __aenter__(self) -> Self:
        await super().__aenter__()
        self._device = await SerialDevice().__aenter__()
        self._console.plug(self._open_line())
        self._tasks = asyncio.TaskGroup()
        await self._tasks.__aenter__()
        self._running = [
            self._tasks.create_task(self._answer(), name="the virtual board's answers"),
            self._tasks.create_task(self._tick(), name="the virtual board's clock"),
        ]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for task in self._running:
            task.cancel()
        await self._tasks.__aexit__(None, None, None)
        await self._device.__aexit__(None, None, None)
        await super().__aexit__(kind, error, traceback)

    async def switch(self, *, on: bool) -> None:
        """Gives the board its supply, or takes it away."""
        if on:
            await self._device.send(self._firmware.power_on())
        else:
            self._firmware.power_off()

    def _open_line(self) -> TerminalPort:
        descriptor = os.open(self._device.path, os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
        try:
            return TerminalPort(descriptor)
        finally:
            os.close(descriptor)

    async def _answer(self) -> None:
        while typed := await self._device.receive():
            await self._device.send(self._firmware.feed(typed))

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(_TICK_SECONDS)
            await self._device.send(self._firmware.tick())


class _Supply(PowerInterface, Driver):
    """The board's supply."""

    def __init__(self, board: VirtualBoard) -> None:
        super().__init__()
        self._board = board
        self._on = False

    def why_disk_in_use(self) -> str:
        """Why the disk must not be written."""
        return "the board is powered on; power it off before writing its disk" if self._on else ""

    async def on(self) -> None:
        if not self._on:
            self._on = True
            await self._board.switch(on=True)

    async def off(self) -> None:
        self._on = False
        await self._board.switch(on=False)

    async def is_on(self) -> bool:
        return self._on
