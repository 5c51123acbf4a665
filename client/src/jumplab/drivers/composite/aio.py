"""A group of drivers, for asyncio."""

from jumplab.driver import AsyncGenericClient
from jumplab.drivers.composite.interface import CompositeInterface


class AsyncCompositeClient(AsyncGenericClient, CompositeInterface):
    """A group of drivers: its children are its attributes."""
