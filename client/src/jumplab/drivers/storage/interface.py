"""The contract of a storage."""

from abc import abstractmethod
from typing import ClassVar

from pydantic import BaseModel, ConfigDict, Field

from jumplab.driver import ByteStream, DriverInterface, stream


class Digest(BaseModel):
    """What was moved.  size_bytes: how much.  sha256: the SHA-256 (FIPS 180-4) of it, hexadecimal."""

    model_config = ConfigDict(frozen=True)

    size_bytes: int = Field(ge=0)
    sha256: str = Field(pattern="^[0-9a-f]{64}$")


class StorageInterface(DriverInterface):
    """A storage that the device boots from or works with."""

    client: ClassVar[str] = "jumplab.drivers.storage.StorageClient"

    @abstractmethod
    @stream(bulk=True)
    async def write(self, stream: ByteStream, *, offset_bytes: int = 0) -> Digest:
        """Writes what the stream brings until its end, from `offset_bytes` on; the rest keeps what it had.

        Refuses (ValueError) while the device uses the storage, and what does not fit.
        """

    @abstractmethod
    @stream(bulk=True)
    async def read(self, stream: ByteStream, *, offset_bytes: int = 0, size_bytes: int | None = None) -> Digest:
        """Sends `size_bytes` from `offset_bytes` on; None: all that follows."""

    @abstractmethod
    async def size(self) -> int:
        """How many bytes it holds."""
