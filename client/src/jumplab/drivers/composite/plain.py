"""A group of drivers, for plain code. Generated from aio.py by `make generate`."""

from typing import ClassVar

from jumplab.driver import AsyncDriverClient, GenericClient
from jumplab.drivers.composite.aio import AsyncCompositeClient


class CompositeClient(GenericClient):
    """A group of drivers: its children are its attributes."""

    asynchronous: ClassVar[type[AsyncDriverClient]] = AsyncCompositeClient
    _twin: AsyncCompositeClient
