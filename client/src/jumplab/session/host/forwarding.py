"""Drivers whose calls are answered elsewhere: in another process, for example."""

from abc import abstractmethod
from collections.abc import AsyncGenerator

from jumplab.driver import ByteStream, Driver
from jumplab.driver.interface import Method


class ForwardingDriver(Driver):
    """Stands for a driver that runs elsewhere. Arguments and results pass as they are, as JSON.

    Each of the three raises what the call ends with: what has a kind of its own on the wire keeps it.
    """

    def forwards(self, method: str) -> bool:  # noqa: ARG002 - subclasses answer some by themselves
        """Whether calls of this method are passed on; the others run here."""
        return True

    @abstractmethod
    async def forward_call(self, method: Method, arguments: bytes) -> bytes:
        """A call: its result."""

    @abstractmethod
    def forward_items(self, method: Method, arguments: bytes) -> AsyncGenerator[bytes, None]:
        """A streaming call: its items."""

    @abstractmethod
    async def forward_stream(self, method: Method, arguments: bytes, stream: ByteStream) -> bytes:
        """A byte stream: the result of its method."""
