"""How much of a byte stream is sent at once through a router, where others may be in a hurry."""

import time
from collections.abc import Callable

from jumplab.transport.links import ENVELOPE_BYTES

SMALL_BYTES = 64 << 10
_QUIET_SECONDS = 0.2


class Pace:
    """One end's pace of one session.

    The processes on the way are each busy with one envelope at a time, and a keystroke waits for its end. So bulk goes
    in small pieces while the session's other streams send, and in large ones, which cost half as much, when they have
    been silent for a moment.  now: in seconds.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._silent_from = float("-inf")

    def note_sending(self) -> None:
        """Something is sent that somebody waits for."""
        self._silent_from = self._now() + _QUIET_SECONDS

    @property
    def piece_bytes(self) -> int:
        """How much goes into one envelope of a byte stream now."""
        return SMALL_BYTES if self._now() < self._silent_from else ENVELOPE_BYTES
