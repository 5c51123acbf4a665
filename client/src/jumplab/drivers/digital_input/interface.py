"""The contract of a digital input."""

from abc import abstractmethod
from collections.abc import AsyncIterator
from typing import ClassVar

from jumplab.driver import DriverInterface
from jumplab.drivers.digital_input.edge import Edge


class DigitalInputInterface(DriverInterface):
    """A line that the lab host reads: active or inactive. The configuration says which level is the active one."""

    client: ClassVar[str] = "jumplab.drivers.digital_input.DigitalInputClient"
    __observing__: ClassVar[frozenset[str]] = frozenset({"get", "watch"})

    @abstractmethod
    async def get(self) -> bool:
        """Whether the line is active."""

    @abstractmethod
    def watch(self) -> AsyncIterator[Edge]:
        """The line's edges without end. The first item comes at once: the state that the line has, from which on no
        edge is missed without `missed` telling it."""
