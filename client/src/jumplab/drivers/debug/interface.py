"""The contract of a debug port."""

from abc import abstractmethod
from typing import ClassVar

from pydantic import BaseModel, ConfigDict, Field

from jumplab.driver import ByteStream, DriverInterface, stream


class Loaded(BaseModel):
    """What was written into memory.  sha256: the SHA-256 (FIPS 180-4) of it, hexadecimal."""

    model_config = ConfigDict(frozen=True)

    address: int = Field(ge=0)
    size_bytes: int = Field(ge=0)
    sha256: str = Field(pattern="^[0-9a-f]{64}$")


class DebugInterface(DriverInterface):
    """The debug port of a device's processor: GDB's remote protocol, and what needs no debugger.

    Each method raises ConnectionError where the processor can't be reached, as without power.
    """

    client: ClassVar[str] = "jumplab.drivers.debug.DebugClient"
    __observing__: ClassVar[frozenset[str]] = frozenset({"is_halted"})

    @abstractmethod
    @stream(bulk=True)
    async def connect(self, stream: ByteStream) -> None:
        """One connection of a debugger by GDB's remote serial protocol; the processor is halted by it.

        One debugger is connected at a time: raises ValueError for a second one. When the connection has ended, however
        it did, the debugger's breakpoints are gone and the processor runs on. `monitor` commands are not carried out:
        they reach what is the lab host's.
        """

    @abstractmethod
    async def halt(self) -> None:
        """Halts the processor. A connected debugger sees it as an interrupt."""

    @abstractmethod
    async def resume(self) -> None:
        """Lets a halted processor run on. Raises ValueError while a debugger is connected: it is to continue."""

    @abstractmethod
    async def is_halted(self) -> bool:
        """Whether the processor is halted."""

    @abstractmethod
    async def reset(self, *, halt: bool = False) -> None:
        """Resets the device.  halt: it stays halted before its first instruction.

        While a debugger is connected, a halted processor stays halted in any case.
        """

    @abstractmethod
    @stream(bulk=True)
    async def load(self, stream: ByteStream, *, address: int, size_bytes: int | None = None) -> Loaded:
        """Writes what the stream brings until its end into memory, from `address` on, as the processor sees it.

        The processor is halted meanwhile, and runs on where it ran before.  size_bytes: how much will come, where that
        is known.  Raises ValueError for nothing to load and while a debugger is connected, OSError where memory can't
        be written: a part may be written then.
        """
