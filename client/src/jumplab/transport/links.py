"""The seam under a session: numbered streams of envelopes between one client and one exporter.

Stream 0 carries the session's frames, each stream above 0 carries one byte stream. Links differ in their way only:
routed (`routed`), a socket on the same machine (`local`), or within the process (`memory`).
"""

from enum import IntEnum
from typing import Protocol

from jumplab.transport.errors import TransportError

ENVELOPE_BYTES = 256 << 10


class EnvelopeKind(IntEnum):
    """The kind of an envelope; the numbers are those of the wire's FrameType (an ACK travels as its PING)."""

    DATA = 0
    RESET = 3
    ACK = 6
    END = 7


KINDS = {int(kind): kind for kind in EnvelopeKind}
"""By their numbers; others are of versions to come, or nonsense."""


class ConnectionLost(TransportError):
    """The stream's connection is gone without a word of the peer."""


class EnvelopeStream(Protocol):
    """One peer's end of a numbered stream: envelopes both ways, in order, until the connection is lost.

    One task at a time may send, and one may receive; cancelling either gives the stream up.
    """

    @property
    def piece_bytes(self) -> int:
        """How much of a byte stream goes into one envelope now."""
        ...

    async def send(self, payload: bytes, kind: EnvelopeKind = EnvelopeKind.DATA) -> None:
        """Sends one envelope, of ENVELOPE_BYTES at most; waits until there is room. Raises ConnectionLost."""
        ...

    async def receive(self) -> tuple[EnvelopeKind, bytes]:
        """The next envelope. Raises ConnectionLost, or Refused where the router turned this peer away."""
        ...

    async def aclose(self) -> None:
        """Lets go of the stream; what was not delivered may be lost. Never raises; a second call does nothing."""
        ...


class Link(Protocol):
    """One peer's way to the numbered streams of one session."""

    async def open(self, number: int, *, bulk: bool = False) -> EnvelopeStream:
        """Opens stream `number`, once a link. The other peer opens the same number; what is sent before waits for it.

        bulk: the stream has a connection of its own, so that its bytes never stand in the way of others'.
        Raises TransportError.
        """
        ...

    async def aclose(self) -> None:
        """Closes all streams of the link and its connections. Never raises; a second call does nothing."""
        ...
