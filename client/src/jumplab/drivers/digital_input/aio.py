"""A digital input, for asyncio."""

from jumplab.driver import AsyncDriverClient
from jumplab.drivers.digital_input.interface import DigitalInputInterface


class AsyncDigitalInputClient(AsyncDriverClient, DigitalInputInterface):
    """A line that the lab host reads."""
