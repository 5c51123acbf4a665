"""Files that a board loads from the lab host's network."""

from jumplab.drivers.boot.aio import AsyncBootServerClient
from jumplab.drivers.boot.interface import BootAddress, BootFile, BootServerInterface
from jumplab.drivers.boot.plain import BootServerClient

__all__ = ["AsyncBootServerClient", "BootAddress", "BootFile", "BootServerClient", "BootServerInterface"]
