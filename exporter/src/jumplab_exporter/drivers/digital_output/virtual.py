"""An output that is only remembered, for tests and demonstrations."""

from jumplab_exporter.drivers.lines.uses import OutputLine
from jumplab_exporter.drivers.lines.virtual import VirtualLine


class VirtualDigitalOutput(VirtualLine, OutputLine):
    """Sets nothing, and says so in the log."""
