"""A group of drivers, for plain code. Generated from aio.py by `make generate`."""

from typing import ClassVar

from jumplab.driver import AsyncDriverClient, DriverClient
from jumplab.drivers.composite.aio import AsyncCompositeClient


class CompositeClient(DriverClient):
    """A group of drivers: its children are its attributes."""

    asynchronous: ClassVar[type[AsyncDriverClient]] = AsyncCompositeClient
    _twin: AsyncCompositeClient
