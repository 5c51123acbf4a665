"""A button that is only remembered, for tests and demonstrations."""

from jumplab_exporter.drivers.lines.uses import ButtonLine
from jumplab_exporter.drivers.lines.virtual import VirtualLine


class VirtualButton(VirtualLine, ButtonLine):
    """Presses nothing, and says so in the log."""
