"""A digital input, for plain code. Generated from aio.py by `make generate`."""

from collections.abc import Iterator
from typing import ClassVar

from jumplab.driver import AsyncDriverClient, DriverClient
from jumplab.drivers.digital_input.aio import AsyncDigitalInputClient
from jumplab.drivers.digital_input.edge import Edge


class DigitalInputClient(DriverClient):
    """A line that the lab host reads."""

    asynchronous: ClassVar[type[AsyncDriverClient]] = AsyncDigitalInputClient
    _twin: AsyncDigitalInputClient

    def get(self) -> bool:
        """Whether the line is active."""
        return self._portal.run(self._twin.get())

    def watch(self) -> Iterator[Edge]:
        """The line's edges without end. The first item comes at once: the state that the line has, from which on no
        edge is missed without `missed` telling it.
        """
        return self._portal.iterate(self._twin.watch())
