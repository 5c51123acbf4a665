"""The exporter's end of a session: the drivers of one lease, and the clients attached to them.

    async with DriverTree({"power": Relay(...)}, scope="bench-3") as tree, SessionHost(tree, ...) as host:
        await host.serve(link)      # for each client that attaches

It knows nothing of leases beyond their name, and never reaches for a network: links are handed to it.
"""

from jumplab.session.host.host import SessionHost
from jumplab.session.host.tree import DriverTree, FailedDriver, Trial

__all__ = ["DriverTree", "FailedDriver", "SessionHost", "Trial"]
