"""A reset line, for asyncio."""

from jumplab.driver import AsyncDriverClient
from jumplab.drivers.reset.interface import ResetInterface


class AsyncResetClient(AsyncDriverClient, ResetInterface):
    """The reset of the device."""
