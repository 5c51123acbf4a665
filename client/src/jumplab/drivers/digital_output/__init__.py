"""Lines that the lab host sets."""

from jumplab.drivers.digital_output.aio import AsyncDigitalOutputClient
from jumplab.drivers.digital_output.interface import DigitalOutputInterface
from jumplab.drivers.digital_output.plain import DigitalOutputClient

__all__ = ["AsyncDigitalOutputClient", "DigitalOutputClient", "DigitalOutputInterface"]
