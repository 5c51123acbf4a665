"""Switching a storage between the lab host and the device."""

from jumplab.drivers.storage_mux.aio import AsyncStorageMuxClient
from jumplab.drivers.storage_mux.interface import StorageMuxInterface
from jumplab.drivers.storage_mux.plain import StorageMuxClient
from jumplab.drivers.storage_mux.side import Side

__all__ = ["AsyncStorageMuxClient", "Side", "StorageMuxClient", "StorageMuxInterface"]
