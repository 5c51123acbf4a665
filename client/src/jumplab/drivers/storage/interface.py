"""The contract of a storage."""

from abc import abstractmethod
from typing import ClassVar

from pydantic import BaseModel, ConfigDict, Field

from jumplab.driver import ByteStream, DriverInterface, stream


class Digest(BaseModel):
    """The image that was moved.  size_bytes: how much.  sha256: the SHA-256 (FIPS 180-4) of it, hexadecimal.

    Of a write, where the exporter tells it:  format: what was sent, "raw" or how it was unpacked, outermost first
    ("xz+sparse").  written_bytes, written_sha256: what that became on the storage.  verified: whether it was read back.
    """

    model_config = ConfigDict(frozen=True)

    size_bytes: int = Field(ge=0)
    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    format: str = ""
    written_bytes: int | None = None
    written_sha256: str | None = None
    verified: bool = False


class InterruptedWrite(BaseModel):
    """A write whose client has gone.  received_bytes, sha256: of what it had sent. The others are the write's own."""

    model_config = ConfigDict(frozen=True)

    offset_bytes: int
    size_bytes: int | None
    unpack: bool
    received_bytes: int
    sha256: str


class StorageInterface(DriverInterface):
    """A storage that the device boots from or works with."""

    client: ClassVar[str] = "jumplab.drivers.storage.StorageClient"

    @abstractmethod
    @stream(bulk=True)
    async def write(
        self,
        stream: ByteStream,
        *,
        offset_bytes: int = 0,
        size_bytes: int | None = None,
        unpacked_bytes: int | None = None,
        unpack: bool = False,
        verify: bool = False,
        resume_sha256: str | None = None,
    ) -> Digest:
        """Writes what the stream brings until its end, from `offset_bytes` on; the rest keeps what it had.

        resume_sha256: goes on with the interrupted write that received data with this SHA-256: the stream brings what
        follows. Refused (ValueError) where there is none, or where the storage does not hold any more what it wrote.

        size_bytes: how much will come, where that is known.  unpack: whether compressed data and images are unpacked.
        unpacked_bytes: at least how much comes out of compressed data, where that is known.  verify: read it back and
        compare.

        Refuses (ValueError) while the device uses the storage, and what does not fit; before anything is written where
        the size is known. What fails later says how much was written.
        """

    async def interrupted_write(self) -> InterruptedWrite | None:
        """The write that can be gone on with; None: none. One that is being sent is interrupted by this call."""
        return None

    async def checksum(self, *, offset_bytes: int = 0, size_bytes: int | None = None) -> Digest:
        """The SHA-256 of `size_bytes` from `offset_bytes` on; None: all that follows."""
        raise NotImplementedError("this storage computes no checksums")

    async def fetch(
        self,
        url: str,
        *,
        offset_bytes: int = 0,
        sha256: str | None = None,
        unpack: bool = True,
        verify: bool = False,
    ) -> Digest:
        """Has the exporter fetch an image by http:// or https://, and write it from `offset_bytes` on.

        A user and a password in the URL go to its server alone.  sha256: of the file at the URL, as sha256sum prints
        it; another one is an error.  unpack, verify: as of `write`.

        Refuses (ValueError) what `write` does, and addresses that the exporter's configuration does not allow. A server
        that breaks off is asked for the rest. What fails later says how much was written.
        """
        raise NotImplementedError("this storage fetches no images; write a file in place of the URL")

    @abstractmethod
    @stream(bulk=True)
    async def read(self, stream: ByteStream, *, offset_bytes: int = 0, size_bytes: int | None = None) -> Digest:
        """Sends `size_bytes` from `offset_bytes` on; None: all that follows."""

    @abstractmethod
    async def size(self) -> int:
        """How many bytes it holds."""
