"""The contract of a console."""

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from jumplab.driver import ByteStream, DriverInterface, stream


@dataclass(frozen=True, slots=True)
class ConsoleState:
    """Which bytes of a console are kept, by offsets from the session's start, and whether its device is there.

    start_offset: of the oldest that is kept.  end_offset: of the next one to come.  dropped_bytes: how many are gone.
    unavailable: why the device is not there now, as a sentence; empty where it is.
    """

    start_offset: int
    end_offset: int
    dropped_bytes: int
    unavailable: str = ""


@dataclass(frozen=True, slots=True)
class Gap:
    """Bytes of a console that are not kept any more.  offset: of the first.  size_bytes: how many."""

    offset: int
    size_bytes: int

    @property
    def end_offset(self) -> int:
        """Where reading can go on."""
        return self.offset + self.size_bytes


class ConsoleInterface(DriverInterface):
    """A device's console. It is read from the start of the session on, whether anyone is attached or not."""

    client: ClassVar[str] = "jumplab.drivers.console.ConsoleClient"
    __observing__: ClassVar[frozenset[str]] = frozenset({"state"})

    @abstractmethod
    @stream
    async def attach(self, stream: ByteStream, *, offset: int | None = None, exclusive: bool = False) -> Gap | None:
        """Joins the stream to the console, until the client ends its direction or the console is gone.

        offset: which byte of the console to begin with, counted from the session's start; None: only what comes from
        now on; negative: so many bytes before now. Any number of clients may be attached at once: all read the same.

        exclusive: while this client is attached, nobody else's input is taken. Without it, what the clients write
        reaches the device in the order of its arrival. A client that writes, or asks to write exclusively, while
        another has that right is refused (ConsoleInUse); those that only read are not concerned.

        Where bytes that the client had not read yet had to be dropped, its reading direction ends before them, and the
        Gap is the result once the client has ended its own: it attaches again at the Gap's end.
        """

    @abstractmethod
    async def state(self) -> ConsoleState:
        """Which bytes are kept now, and whether the device is there."""

    async def send_break(self, seconds: float = 0.25) -> None:
        """Holds the line in the break condition for a number of seconds, 10 at most.

        Refuses (NotImplementedError) where there is no serial line that could.
        """
        raise NotImplementedError("this console has no serial line that could send a break")

    async def set_lines(self, *, dtr: bool | None = None, rts: bool | None = None) -> None:
        """Raises (true) or lowers (false) DTR and RTS, both at once; one that is not given stays as it is.

        Refuses (NotImplementedError) where there is no serial line that has them.
        """
        raise NotImplementedError("this console has no serial line with DTR and RTS")
