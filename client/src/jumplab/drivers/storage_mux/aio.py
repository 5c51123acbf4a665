"""A storage mux, for asyncio."""

from jumplab.driver import AsyncDriverClient
from jumplab.drivers.storage_mux.interface import StorageMuxInterface


class AsyncStorageMuxClient(AsyncDriverClient, StorageMuxInterface):
    """Connects a storage with the lab host or with the device."""
