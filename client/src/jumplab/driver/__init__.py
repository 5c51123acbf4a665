"""The driver framework: contracts, drivers, clients.

Holds what a driver author and a test author write against, and how their arguments travel. It never talks to a network
and knows nothing of sessions or leases.

Names are loaded at first use: clients do without pydantic until they send an argument.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jumplab.driver.client import AsyncDriverClient, AsyncGenericClient, Caller, Cursor, DriverNode, ResultStream
    from jumplab.driver.driver import Driver
    from jumplab.driver.interface import DriverInterface
    from jumplab.driver.plain import DriverClient, GenericClient, PlainStream
    from jumplab.driver.portal import Portal
    from jumplab.driver.progressing import Progress, on_progress, progress
    from jumplab.driver.streams import ByteStream, stream

__all__ = [
    "AsyncDriverClient",
    "AsyncGenericClient",
    "ByteStream",
    "Caller",
    "Cursor",
    "Driver",
    "DriverClient",
    "DriverInterface",
    "DriverNode",
    "GenericClient",
    "PlainStream",
    "Portal",
    "Progress",
    "ResultStream",
    "on_progress",
    "progress",
    "stream",
]

_HOMES = {
    "AsyncDriverClient": "client",
    "AsyncGenericClient": "client",
    "ByteStream": "streams",
    "Caller": "client",
    "Cursor": "client",
    "Driver": "driver",
    "DriverClient": "plain",
    "DriverInterface": "interface",
    "DriverNode": "client",
    "GenericClient": "plain",
    "PlainStream": "plain",
    "Portal": "portal",
    "Progress": "progressing",
    "ResultStream": "client",
    "on_progress": "progressing",
    "progress": "progressing",
    "stream": "streams",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
