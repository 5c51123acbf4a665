"""A session within one process: client and exporter's end joined by a Unix socket, as in a test on the lab host."""

import secrets
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from jumplab.driver import AsyncGenericClient, Driver, Portal
from jumplab.driver.plain import plain_twin_of
from jumplab.session.client import attach
from jumplab.session.host import DriverTree, SessionHost
from jumplab.transport.listener import LocalListener, only
from jumplab.transport.local import LocalLink
from tools.bench import work
from tools.bench.drivers import board

SCOPE = "bench"


def figures(rounds: work.Rounds, drivers: Callable[[], Mapping[str, Driver]] = board) -> dict[str, float]:
    """Both ends in one event loop, the client's calls from another thread.  drivers: makes those of the session."""
    with Portal() as portal, portal.entered(_session(drivers)) as root:
        return work.figures(plain_twin_of(root, portal), rounds)


@asynccontextmanager
async def _session(drivers: Callable[[], Mapping[str, Driver]]) -> AsyncIterator[AsyncGenericClient]:
    token = secrets.token_hex(16)
    with tempfile.TemporaryDirectory(prefix="jumplab-bench-") as folder:
        async with (
            DriverTree(drivers(), scope=SCOPE) as tree,
            SessionHost(tree, exporter_name="bench") as host,
            LocalListener(Path(folder), only(token), host.serve) as listener,
            attach(LocalLink(listener.path, token), client="bench") as session,
        ):
            yield session.root
