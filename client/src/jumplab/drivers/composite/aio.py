"""A group of drivers, for asyncio."""

from jumplab.driver import AsyncDriverClient
from jumplab.drivers.composite.interface import CompositeInterface


class AsyncCompositeClient(AsyncDriverClient, CompositeInterface):
    """A group of drivers: its children are its attributes."""
