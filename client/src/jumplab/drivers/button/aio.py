"""A button, for asyncio."""

from jumplab.driver import AsyncDriverClient
from jumplab.drivers.button.interface import ButtonInterface


class AsyncButtonClient(AsyncDriverClient, ButtonInterface):
    """A button of the device."""
