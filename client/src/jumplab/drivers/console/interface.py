"""The contract of a console."""

from abc import abstractmethod
from typing import ClassVar

from jumplab.driver import ByteStream, DriverInterface, stream


class ConsoleInterface(DriverInterface):
    """A device's console. It is read from the start of the session on, whether anyone is attached or not."""

    client: ClassVar[str] = "jumplab.drivers.console.ConsoleClient"

    @abstractmethod
    @stream
    async def attach(self, stream: ByteStream, *, offset: int | None = None) -> None:
        """Joins the stream to the console, until the client ends its direction or the console is gone.

        offset: which byte of the console to begin with, counted from the session's start; None: only what comes from
        now on; negative: so many bytes before now. Any number of clients may be attached at once: all read the same,
        and what they write reaches the device in the order of its arrival.
        """
