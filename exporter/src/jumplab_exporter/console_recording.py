"""What the consoles say while a lease lasts goes to the console logs, and what is too old goes from them."""

import asyncio
import logging
from collections.abc import Callable
from functools import partial

from jumplab.session.host import DriverTree
from jumplab.system_errors import system_sentence
from jumplab_exporter.console_logs import ConsoleLogs, Recording
from jumplab_exporter.drivers.console.recorded import Recorded
from jumplab_exporter.lifecycle_events import Lease

_PRUNING_SECONDS = 3600.0

_log = logging.getLogger(__name__)


def record_consoles(logs: ConsoleLogs | None, tree: DriverTree, lease: Lease) -> Recording | None:
    """Records all consoles of the tree for this lease, each once. None: where no logs are kept."""
    if logs is None:
        return None
    recording = logs.recording(lease.uid, lease.name, lambda sentence: _log.warning("%s", sentence))
    recorded: set[int] = set()
    for node in tree.nodes.values():
        if isinstance(node.driver, Recorded) and id(node.driver) not in recorded:
            recorded.add(id(node.driver))
            node.driver.record_to(partial(recording.append, node.path))
    return recording


async def prune(logs: ConsoleLogs | None, current: Callable[[], str]) -> None:
    """Removes what is too old, at once and every hour, also while nobody leases the exporter.

    current: the uid of the lease that is served now, whose log stays; "": none is.
    """
    while logs is not None:
        try:
            logs.prune(current=current())
        except OSError as error:
            _log.warning("old console logs can't be removed: %s", system_sentence(error))
        await asyncio.sleep(_PRUNING_SECONDS)
