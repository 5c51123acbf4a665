"""A reset that is only remembered, for tests and demonstrations."""

from jumplab_exporter.drivers.lines.uses import ResetLine
from jumplab_exporter.drivers.lines.virtual import VirtualLine


class VirtualReset(VirtualLine, ResetLine):
    """Resets nothing, and says so in the log."""
