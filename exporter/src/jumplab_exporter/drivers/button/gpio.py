"""A GPIO line as a button."""

from jumplab_exporter.drivers.lines.gpio import GpioLine
from jumplab_exporter.drivers.lines.uses import ButtonLine


class GpioButton(GpioLine, ButtonLine):
    """A GPIO line as a button.  chip: its device;  line: its number there, from 0, or its name.

    active_low: pressed is the low level, not the high one.
    drive: `open-drain` only pulls down, and `open-source` only up; the other level is left to a resistor.
    """
