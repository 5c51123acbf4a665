"""The contract of a driver that only holds others."""

from typing import ClassVar

from jumplab.driver import DriverInterface


class CompositeInterface(DriverInterface):
    """Has children, and nothing to call."""

    client: ClassVar[str] = "jumplab.drivers.composite.CompositeClient"
