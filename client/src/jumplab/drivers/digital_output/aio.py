"""A digital output, for asyncio."""

from jumplab.driver import AsyncDriverClient
from jumplab.drivers.digital_output.interface import DigitalOutputInterface


class AsyncDigitalOutputClient(AsyncDriverClient, DigitalOutputInterface):
    """A line that the lab host sets."""
