"""What all muxes share: a card as child, and the proof of where it is."""

import asyncio
import stat
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, IPvAnyNetwork

from jumplab.driver import Driver, errors
from jumplab.drivers.storage_mux import Side, StorageMuxInterface
from jumplab_exporter.drivers.sizes import Size
from jumplab_exporter.drivers.storage.devices import NoMedium, require_unused
from jumplab_exporter.drivers.storage.disk import FileDisk
from jumplab_exporter.drivers.storage.medium import refuse_kind

_LOOK_SECONDS = 0.1
_NAMES: dict[Side, str] = {"host": "the host", "dut": "the device", "off": "neither side"}
_DEVICES = Path("/dev")


class StorageMux(StorageMuxInterface, Driver):
    """A mux that a program switches; the child `storage` is its card.

    path: the card's block device, as the host sees it;  timeout: how long the card may take to come or to go.
    serial, max_size, allow_fixed, allow_loop: which device it may be, as those of storage/disk.
    fetch_from: from where images are fetched, beside public addresses.
    """

    path: Path
    serial: str | None = None
    max_size: Size | None = None
    allow_fixed: bool = False
    allow_loop: bool = False
    timeout: Annotated[timedelta, Field(gt=timedelta(), le=timedelta(minutes=10))] = timedelta(seconds=20)
    fetch_from: tuple[IPvAnyNetwork, ...] = ()
    _side: Side | None = None

    def make_children(self) -> dict[str, Driver]:
        self._switching = asyncio.Lock()
        if _DEVICES not in self.path.parents and not self.allow_loop:
            raise errors.ConfigurationInvalid(f"path: {self.path} is not below /dev; name the card's block device")
        self._card = FileDisk(
            path=self.path,
            serial=self.serial,
            max_size=self.max_size,
            allow_fixed=self.allow_fixed,
            allow_loop=self.allow_loop,
            fetch_from=self.fetch_from,
            why_in_use=self._why_not_writable,
        )
        if not self._card.is_device:
            raise errors.ConfigurationInvalid(f"path: {self.path} is a file; the card of a mux is a block device")
        return {"storage": self._card}

    async def __aenter__(self) -> Self:
        try:
            self._side = await self._ask()
        except OSError as error:
            self.log.warning("%s", error)
        return await super().__aenter__()

    async def switch_to(self, side: Side) -> None:
        async with self._switching:
            if side != "host":
                await asyncio.to_thread(self._refuse_while_host_uses_it)
            self._side = None
            await self._order(side)
            await self._prove(side)
            self._side = side

    async def position(self) -> Side:
        side = await self._ask()
        if doubt := await asyncio.to_thread(self._doubt, side):
            raise OSError(doubt)
        self._side = side
        return side

    async def check(self) -> None:
        """Asks where the card is, and switches nothing."""
        await self._ask()

    async def _order(self, side: Side) -> None:
        """Has the mux switch. Raises OSError, and NotImplementedError for a side that it does not have."""
        raise NotImplementedError

    async def _ask(self) -> Side:
        """What the mux says. Raises OSError."""
        raise NotImplementedError

    async def _prove(self, side: Side) -> None:
        """Waits until the mux says so, and the host sees or misses the card. Raises OSError, ValueError."""
        deadline = asyncio.get_running_loop().time() + self.timeout.total_seconds()
        while True:
            found = await self._ask()
            if found == side:
                doubt = await asyncio.to_thread(self._doubt, side)
            else:
                doubt = f"the mux was switched to {_NAMES[side]}, and says that its card is at {_NAMES[found]}"
            if not doubt:
                return
            if asyncio.get_running_loop().time() >= deadline:
                raise OSError(f"{doubt}, after {self.timeout.total_seconds():g} s")
            await asyncio.sleep(_LOOK_SECONDS)

    def _doubt(self, side: Side) -> str:
        """Why the host does not see what the mux says, or "". Raises ValueError where the card is not to be written."""
        if side == "host" and self._card.is_busy:
            return ""
        try:
            self._card.try_device()
        except (FileNotFoundError, NoMedium) as error:
            return f"the mux has its card at the host, and {error}" if side == "host" else ""
        except ValueError:
            if side == "host":
                raise
        return "" if side == "host" else f"the mux has its card at {_NAMES[side]}, and the host still sees {self.path}"

    def _refuse_while_host_uses_it(self) -> None:
        """Raises ValueError."""
        if self._card.is_busy:
            raise ValueError("the card is being read or written; switch it when that has ended")
        try:
            status = self.path.stat()
        except OSError:
            return
        refuse_kind(self.path, status.st_mode)
        if stat.S_ISBLK(status.st_mode):
            try:
                require_unused(status.st_rdev)
            except ValueError as error:
                raise ValueError(f"{self.path} {error}") from error

    def _why_not_writable(self) -> str:
        if self._switching.locked():
            return "the card is being switched; write it when that has ended"
        if self._side in (None, "host"):
            return ""  # where nobody knows, the device itself tells
        return f"the card is at {_NAMES[self._side or 'off']}; switch it to the host before writing it"
