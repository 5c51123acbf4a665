"""The contract of a shell."""

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from jumplab.driver import ByteStream, DriverInterface, stream


@dataclass(frozen=True, slots=True)
class Transfer:
    """A file that was moved.  size_bytes: its size.  sha256: the SHA-256 (FIPS 180-4) of it, hexadecimal."""

    size_bytes: int
    sha256: str


class ShellInterface(DriverInterface):
    """Runs commands, and moves files."""

    client: ClassVar[str] = "jumplab.drivers.shell.ShellClient"

    @abstractmethod
    @stream(bulk=True)
    async def run(self, stream: ByteStream, *, command: list[str]) -> int:
        """Runs a command until its end: its exit status, or 128 + the number of the signal that ended it.

        command: its words, the program first. No shell reads them: `["sh", "-c", "ls *.txt"]` is how to get one.
        The stream brings standard input. What goes back are both outputs, as `jumplab.drivers.shell.framing` has them.
        A command whose client leaves, or whose stream is lost, is ended.

        Raises ValueError for a command that is not allowed, ConnectionError where the device can't be reached, or is
        lost: how the command has ended is unknown then.
        """

    @abstractmethod
    @stream(bulk=True)
    async def upload(self, stream: ByteStream, *, path: str, executable: bool = False) -> Transfer:
        """Writes what the stream brings until its end into a file.  executable: whether it can be run.

        The file is replaced at once when all of it has arrived, and keeps what it had where that fails. Raises
        ValueError for a path that is not allowed, OSError where it can't be written.
        """

    @abstractmethod
    @stream(bulk=True)
    async def download(self, stream: ByteStream, *, path: str) -> Transfer:
        """Sends a file. Raises ValueError for a path that is not allowed, OSError where it can't be read."""
