"""Byte streams as drivers and their clients see them."""

from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeVar, overload

Method = TypeVar("Method", bound=Callable[..., Awaitable[Any]])


class ByteStream(Protocol):
    """Bytes both ways, in order, each direction with an end of its own.

    Both ends wait: `send` until there is room, `receive` until there is something. One task at a time may send, and
    one may receive. Cancelling either leaves the stream usable.
    """

    async def receive(self) -> bytes:
        """The next bytes; b"" once the peer has ended its direction. Raises StreamReset, SessionLost, SessionEnded."""
        ...

    async def send(self, data: bytes) -> None:
        """Sends all of `data`, of any length. Raises StreamReset, SessionLost or SessionEnded."""
        ...

    async def send_end(self) -> None:
        """Ends this direction: the peer receives b"" after everything sent before. A second call does nothing."""
        ...


@overload
def stream(method: Method) -> Method: ...
@overload
def stream(*, bulk: bool) -> Callable[[Method], Method]: ...
def stream(method: Method | None = None, *, bulk: bool = False) -> Method | Callable[[Method], Method]:
    """Marks a method of a DriverInterface as a byte stream.

    Its first argument after `self` is the ByteStream, the others travel as those of a call. The method runs as long as
    the stream; what it returns or raises reaches the client as the stream's result.

    bulk: the stream moves much data, so it gets a connection of its own and never delays the others.
    """

    def mark(function: Method) -> Method:
        function.__jumplab_stream__ = "bulk" if bulk else "interactive"  # type: ignore[attr-defined] # our own mark
        return function

    return mark if method is None else mark(method)
