"""A GPIO line as a reset."""

from jumplab_exporter.drivers.lines.gpio import GpioLine
from jumplab_exporter.drivers.lines.uses import ResetLine


class GpioReset(GpioLine, ResetLine):
    """A GPIO line as a reset.  chip: its device;  line: its number there, from 0, or its name.

    active_low: asserted is the low level, not the high one.
    drive: `open-drain` only pulls down, and `open-source` only up; the other level is left to a resistor.
    """
