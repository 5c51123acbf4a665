"""Drivers that only hold others."""

from jumplab.drivers.composite.aio import AsyncCompositeClient
from jumplab.drivers.composite.interface import CompositeInterface
from jumplab.drivers.composite.plain import CompositeClient

__all__ = ["AsyncCompositeClient", "CompositeClient", "CompositeInterface"]
