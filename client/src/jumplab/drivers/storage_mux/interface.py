"""The contract of a storage mux."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import ClassVar, get_args

from jumplab.driver import DriverInterface
from jumplab.driver.interface import StateCall
from jumplab.drivers.storage_mux.side import Side


class StorageMuxInterface(DriverInterface):
    """Connects a storage, such as a card, with the lab host or with the device. The storage is the driver's child."""

    client: ClassVar[str] = "jumplab.drivers.storage_mux.StorageMuxClient"
    __observing__: ClassVar[frozenset[str]] = frozenset({"position"})
    __states__: ClassVar[Mapping[str, StateCall]] = {
        side: StateCall("switch_to", {"side": side}) for side in get_args(Side)
    }

    @abstractmethod
    async def switch_to(self, side: Side) -> None:
        """Connects the storage with the `host`, with the device (`dut`), or with neither (`off`).

        Returns when it is proven: the mux says so, and the host sees the storage, or sees it no longer. Refuses
        (ValueError) to take a storage away from the host while the host uses it, and a side that the mux does not have
        (NotImplementedError). Where it can't be proven, raises OSError.
        """

    @abstractmethod
    async def position(self) -> Side:
        """Where it is connected. Raises OSError where the mux says another thing than what the host sees."""
