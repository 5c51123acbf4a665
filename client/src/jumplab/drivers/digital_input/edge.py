"""Edges of a digital input."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Edge:
    """A change of a line.  active: its state from then on.

    seconds: when, by the lab host's monotonic clock; only the difference of two edges means something.
    missed: how many edges before it were lost, where the device counts them.
    """

    active: bool
    seconds: float
    missed: int = 0
