"""The contract of a flasher."""

from abc import abstractmethod
from typing import ClassVar

from pydantic import BaseModel, ConfigDict, Field

from jumplab.driver import ByteStream, DriverInterface, stream


class FlashTarget(BaseModel):
    """A part of the device that can be flashed.  size_bytes: as the configuration has it; None: the device knows."""

    model_config = ConfigDict(frozen=True)

    name: str
    size_bytes: int | None = Field(default=None, gt=0)


class Flashed(BaseModel):
    """An image that was flashed.  sha256: the SHA-256 (FIPS 180-4) of what arrived at the exporter, hexadecimal.

    verified: whether the tool has said that it compared the device's content.  log: what the tool printed, its end.
    """

    model_config = ConfigDict(frozen=True)

    target: str
    size_bytes: int = Field(ge=0)
    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    verified: bool = False
    log: str = ""


class FlasherInterface(DriverInterface):
    """Writes and erases the flash memory of a device, by targets that the lab's administrator has named."""

    client: ClassVar[str] = "jumplab.drivers.flasher.FlasherClient"
    __observing__: ClassVar[frozenset[str]] = frozenset({"list_targets"})

    @abstractmethod
    @stream(bulk=True)
    async def flash(self, stream: ByteStream, *, target: str, size_bytes: int | None = None) -> Flashed:
        """Writes what the stream brings until its end into a target, once it is there as a whole.

        size_bytes: how much will come, where that is known.  Raises ValueError for a target that is not there, for an
        image that is empty or larger than the target, and while another call is at work; the device is left as it was.
        Raises OSError where the tool fails: the target may be written in part then.
        """

    @abstractmethod
    async def erase(self, target: str) -> None:
        """Erases a target. Raises as `flash`."""

    @abstractmethod
    async def list_targets(self) -> list[FlashTarget]:
        """What can be flashed, by name."""
