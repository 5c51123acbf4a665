"""The items of a streaming call on their way to a reader that takes its time: both ends count the same.

The items that the reader has not taken have a bound for each call, and frames of other calls never wait behind them:
the exporter does not ask the driver for more, and the client's end goes on reading its connection.
"""

import asyncio

from jumplab.session.frames import ProtocolError

WINDOW_BYTES = 1 << 20

_ACKNOWLEDGE_BYTES = WINDOW_BYTES // 4
_EACH_BYTES = 64


def _counted(item: bytes) -> int:
    return len(item) + _EACH_BYTES


class SentItems:
    """The exporter's count of one call.  window_bytes: the client's; 0 where it does not report its reads.

    writable: set while another item may be sent.
    """

    def __init__(self, window_bytes: int) -> None:
        self._window_bytes = window_bytes
        self._sent_bytes = 0
        self._used_bytes = 0
        self.writable = asyncio.Event()
        self.writable.set()

    def count(self, item: bytes) -> None:
        """An item has been sent."""
        self._sent_bytes += _counted(item)
        self._look()

    def acknowledge(self, used_bytes: int) -> None:
        """So much has been taken, all in all. Raises ProtocolError."""
        if not self._used_bytes <= used_bytes <= self._sent_bytes:
            raise ProtocolError(f"the client took {used_bytes} bytes of items; {self._sent_bytes} were sent")
        self._used_bytes = used_bytes
        self._look()

    def _look(self) -> None:
        if not self._window_bytes or self._sent_bytes - self._used_bytes < self._window_bytes:
            self.writable.set()
        else:
            self.writable.clear()


class ReceivedItems:
    """Items that wait for their reader at the client, and how many reads are to be reported to the exporter."""

    def __init__(self) -> None:
        self._waiting: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._used_bytes = 0
        self._acknowledged_bytes = 0

    def put(self, item: bytes | None) -> None:
        """An item has come; None: no more will."""
        self._waiting.put_nowait(item)

    async def pop(self) -> bytes | None:
        """The next item; None at the end."""
        item = await self._waiting.get()
        if item is not None:
            self._used_bytes += _counted(item)
        return item

    @property
    def acknowledgement_due(self) -> bool:
        """Whether enough was read since the last report to send the exporter another."""
        return self._used_bytes - self._acknowledged_bytes >= _ACKNOWLEDGE_BYTES

    def acknowledgement(self) -> int:
        """How much has been taken, all in all, for the exporter."""
        self._acknowledged_bytes = self._used_bytes
        return self._used_bytes
