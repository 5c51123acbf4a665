"""The client's end of a session: attaching to an exporter's drivers, calls and byte streams.

    async with attach(link) as session:
        await session.root.power.on()

It knows nothing of leases and configuration files; links are handed to it.
"""

from jumplab.session.client.attaching import RECONNECT_WITHIN, Reconnecting, attach
from jumplab.session.client.loader import ClientClasses
from jumplab.session.client.session import Session

__all__ = ["RECONNECT_WITHIN", "ClientClasses", "Reconnecting", "Session", "attach"]
