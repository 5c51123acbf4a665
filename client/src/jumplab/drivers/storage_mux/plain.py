"""A storage mux, for plain code. Generated from aio.py by `make generate`."""

from typing import ClassVar

from jumplab.driver import AsyncDriverClient, DriverClient
from jumplab.drivers.storage_mux.aio import AsyncStorageMuxClient
from jumplab.drivers.storage_mux.side import Side


class StorageMuxClient(DriverClient):
    """Connects a storage with the lab host or with the device."""

    asynchronous: ClassVar[type[AsyncDriverClient]] = AsyncStorageMuxClient
    _twin: AsyncStorageMuxClient

    def switch_to(self, side: Side) -> None:
        """Connects the storage with the `host`, with the device (`dut`), or with neither (`off`).

        Returns when it is proven: the mux says so, and the host sees the storage, or sees it no longer. Refuses
        (ValueError) to take a storage away from the host while the host uses it, and a side that the mux does not have
        (NotImplementedError). Where it can't be proven, raises OSError.
        """
        self._portal.run(self._twin.switch_to(side))

    def position(self) -> Side:
        """Where it is connected. Raises OSError where the mux says another thing than what the host sees."""
        return self._portal.run(self._twin.position())
