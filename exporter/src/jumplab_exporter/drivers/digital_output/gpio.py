"""A GPIO line as a digital output."""

from jumplab_exporter.drivers.lines.gpio import GpioLine
from jumplab_exporter.drivers.lines.uses import OutputLine


class GpioDigitalOutput(GpioLine, OutputLine):
    """A GPIO line as a digital output.  chip: its device;  line: its number there, from 0, or its name.

    active_low: active is the low level, not the high one.
    drive: `open-drain` only pulls down, and `open-source` only up; the other level is left to a resistor.
    """
