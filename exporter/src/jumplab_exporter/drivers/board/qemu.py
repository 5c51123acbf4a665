"""A virtual board in QEMU: real firmware, with a supply, a console and a disk."""

import asyncio
import shutil
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from pydantic import IPvAnyNetwork

from jumplab.driver import Driver
from jumplab.drivers.composite import CompositeInterface
from jumplab.drivers.power import PowerInterface
from jumplab_exporter.drivers.board.console import BoardConsole
from jumplab_exporter.drivers.board.debug import BoardDebug
from jumplab_exporter.drivers.board.machine import PROFILES, DiskFile, Machine
from jumplab_exporter.drivers.console.buffered import DISK_MIB, MEMORY_KIB, DiskMib, MemoryKib
from jumplab_exporter.drivers.sizes import SizeMib
from jumplab_exporter.drivers.storage import qcow2
from jumplab_exporter.drivers.storage.disk import FileDisk
from jumplab_exporter.drivers.storage.settings import DiskFormat


class QemuBoard(CompositeInterface, Driver):
    """A board that QEMU emulates; its children are `power`, `console`, `storage` and `debug`.

    machine: which board;  firmware: what it starts, Debian's U-Boot by default;  memory_mib: its memory.
    disk: the file that is its disk (virtio), made if it isn't there; none: an empty one for each session.
    format: what that file is;  disk_mib: the size of a disk that is made.
    fetch_from: from where images for that disk are fetched, beside public addresses.
    arguments: more of QEMU's own, as they are.
    console_memory_kib, console_disk_mib: how much of what the console says is kept, as for every console.
    """

    machine: Literal["qemu_arm64", "qemu_arm"] = "qemu_arm64"
    firmware: Path | None = None
    memory_mib: SizeMib = 256
    disk: Path | None = None
    format: DiskFormat = DiskFormat.RAW
    disk_mib: SizeMib = 64
    fetch_from: tuple[IPvAnyNetwork, ...] = ()
    console_memory_kib: MemoryKib = MEMORY_KIB
    console_disk_mib: DiskMib = DISK_MIB
    arguments: list[str] = []  # noqa: RUF012 - a setting's default, which pydantic copies

    def make_children(self) -> dict[str, Driver]:
        console = BoardConsole(memory_kib=self.console_memory_kib, disk_mib=self.console_disk_mib)
        power = _Supply(self, console)
        self._storage = FileDisk(
            path=self.disk,
            size_mib=self.disk_mib,
            fetch_from=self.fetch_from,
            format=self.format,
            why_in_use=power.why_disk_in_use,
            files_only=True,
        )
        debug = BoardDebug(lambda: power.machine)
        # Torn down in the opposite order: the supply first.
        return {"storage": self._storage, "console": console, "power": power, "debug": debug}

    async def __aenter__(self) -> Self:
        self.command()
        return await super().__aenter__()

    def command(self) -> list[str]:
        """How QEMU is called. Raises FileNotFoundError, which says what to install."""
        profile = PROFILES[self.machine]
        binary = shutil.which(profile.binary)
        if binary is None:
            raise FileNotFoundError(
                f"{profile.binary} is not installed; on Debian: apt install {profile.binary_package}"
            )
        firmware = self.firmware or profile.firmware
        if not firmware.exists():
            remedy = 'check "firmware"' if self.firmware else f"on Debian: apt install {profile.firmware_package}"
            raise FileNotFoundError(f"there is no firmware {firmware}; {remedy}")
        memory = ("-m", str(self.memory_mib))
        return [binary, *profile.arguments, *memory, "-bios", str(firmware), *self.arguments]

    async def start(self) -> Machine:
        """Starts the machine with its disk."""
        if self.format is DiskFormat.RAW or self.disk is None:
            return await Machine.start(self.command(), DiskFile.of_descriptor(self._storage.descriptor))
        return await Machine.start(self.command(), DiskFile(qcow2.absolute(self.disk), self.format))


class _Supply(PowerInterface, Driver):
    """The board's supply: on is a running QEMU."""

    def __init__(self, board: QemuBoard, console: BoardConsole) -> None:
        super().__init__()
        self._board = board
        self._console = console
        self._machine: Machine | None = None
        self._watching: asyncio.Task[None] | None = None
        self._switching = asyncio.Lock()

    @property
    def machine(self) -> Machine | None:
        """What runs; None while the board is off."""
        return self._machine

    def why_disk_in_use(self) -> str:
        """Why the disk must not be written."""
        return "the board is powered on; power it off before writing its disk" if self._machine else ""

    async def __aenter__(self) -> Self:
        self._tasks = asyncio.TaskGroup()
        await self._tasks.__aenter__()
        return await super().__aenter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.off()
        await self._tasks.__aexit__(None, None, None)
        await super().__aexit__(kind, error, traceback)

    async def on(self) -> None:
        async with self._switching:
            if self._machine is None:
                self._machine = await self._board.start()
                self._console.plug(self._machine.console)
                self._watching = self._tasks.create_task(self._watch(self._machine), name="watching QEMU")

    async def off(self) -> None:
        async with self._switching:
            if self._machine is not None and self._watching is not None:
                await self._machine.quit()
                await asyncio.wait([self._watching])

    async def is_on(self) -> bool:
        return self._machine is not None

    async def _watch(self, machine: Machine) -> None:
        try:
            ending = await machine.watch(lambda line: self.log.warning("QEMU: %s", line))
            if ending:
                self.log.warning("%s", ending)
        except Exception:  # the other drivers and the session go on
            self.log.exception("watching QEMU failed; QEMU was ended")
        finally:
            self._machine = None
