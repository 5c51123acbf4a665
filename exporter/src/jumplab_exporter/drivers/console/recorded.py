"""A console whose output is kept elsewhere as well."""

from collections.abc import Callable
from typing import Protocol, runtime_checkable


@runtime_checkable
class Recorded(Protocol):
    """What the keeper of console logs asks of a driver."""

    def record_to(self, take: Callable[[bytes], None]) -> None:
        """From its set-up on, `take` gets all that the device says."""
        ...
