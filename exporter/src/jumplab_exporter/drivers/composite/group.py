"""A name for the drivers below it."""

from jumplab.driver import Driver
from jumplab.drivers.composite import CompositeInterface


class Composite(CompositeInterface, Driver):
    """Has the children that the configuration gives it, and does nothing itself."""
