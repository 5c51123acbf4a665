"""Lines that the lab host reads, and their edges."""

from jumplab.drivers.digital_input.aio import AsyncDigitalInputClient
from jumplab.drivers.digital_input.edge import Edge
from jumplab.drivers.digital_input.interface import DigitalInputInterface
from jumplab.drivers.digital_input.plain import DigitalInputClient

__all__ = ["AsyncDigitalInputClient", "DigitalInputClient", "DigitalInputInterface", "Edge"]
