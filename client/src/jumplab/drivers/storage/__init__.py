"""A device's storage: what it boots from."""

from jumplab.drivers.storage.aio import AsyncStorageClient
from jumplab.drivers.storage.interface import Digest, InterruptedWrite, StorageInterface
from jumplab.drivers.storage.plain import StorageClient

__all__ = ["AsyncStorageClient", "Digest", "InterruptedWrite", "StorageClient", "StorageInterface"]
