"""The contract of a server that a board boots from."""

from abc import abstractmethod
from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from jumplab.driver import ByteStream, DriverInterface, stream


class BootFile(BaseModel):
    """A file that is served.  sha256: the SHA-256 (FIPS 180-4) of its content, hexadecimal."""

    model_config = ConfigDict(frozen=True)

    name: str
    size_bytes: int = Field(ge=0)
    sha256: str = Field(pattern="^[0-9a-f]{64}$")


class BootAddress(BaseModel):
    """Where the board asks for the files.  host: an address in the board's own network.

    path: of the folder that has them, for NFS (RFC 1813); the others have the files at their root.
    """

    model_config = ConfigDict(frozen=True)

    protocol: Literal["tftp", "http", "nfs"]
    host: str
    port: int = Field(ge=1, le=65535)
    path: str = ""


class BootServerInterface(DriverInterface):
    """A server that a board loads files from: kernels, device trees, file systems. It forgets them with the lease."""

    client: ClassVar[str] = "jumplab.drivers.boot.BootServerClient"

    @abstractmethod
    @stream(bulk=True)
    async def put(self, stream: ByteStream, *, name: str, size_bytes: int | None = None) -> BootFile:
        """Serves what the stream brings until its end as the file `name`, in place of one that has this name.

        size_bytes: how much will come, where that is known.  The file is served once it is there as a whole; until then
        the board gets the one before. Raises ValueError for a name that can't be served, and for what is larger than
        announced or than the server takes.
        """

    @abstractmethod
    async def remove(self, name: str) -> None:
        """Serves the file no longer; a board that loads it already gets it to the end. Raises FileNotFoundError."""

    @abstractmethod
    async def files(self) -> list[BootFile]:
        """What is served, by name."""

    @abstractmethod
    async def addresses(self) -> list[BootAddress]:
        """Where the board asks for it."""

    @abstractmethod
    async def load_command(self, name: str, address: str = "${loadaddr}") -> str:
        """The command for U-Boot that loads the file to `address` in the board's memory, by TFTP.

        Raises FileNotFoundError for a file that isn't served, ValueError where U-Boot can't ask this server.
        """
