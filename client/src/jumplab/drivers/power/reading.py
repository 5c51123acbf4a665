"""Readings of a supply's meter."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PowerReading:
    """A reading of a supply's meter; None for each value that the meter does not have.

    joules: the energy since the meter's counter began; only the difference of two readings means something.
    """

    volts: float | None = None
    amps: float | None = None
    watts: float | None = None
    joules: float | None = None
