"""gRPC, as all of Jumplab's modules import it: `from jumplab.protocol.grpc_loading import aio, grpc`.

gRPC reads its settings from the environment, once, while it is loaded. Ours are in the environment for that moment
alone, so that nothing is left behind for the process and its children. What the user has set stays, and so does a gRPC
that is loaded already. Its batches are freed from here on (`grpc_batches`).
"""

import logging
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from jumplab.protocol.grpc_batches import free_all_batches

_SETTINGS = {
    # gRPC writes to standard error what its errors say anyway, in the middle of a user's console.
    "GRPC_VERBOSITY": "NONE",
    # Without its event engine, gRPC takes messages from the socket in the thread that waits for them: half the thread
    # switches, and a third less time for each message (docs/decisions/what-a-call-costs.md).
    "GRPC_EXPERIMENTS": "-event_engine_client,-event_engine_listener",
}


@contextmanager
def _environment_with(settings: Mapping[str, str]) -> Iterator[None]:
    """Adds the settings that are not set, and takes them out again."""
    added = {name: value for name, value in settings.items() if name not in os.environ}
    os.environ.update(added)
    try:
        yield
    finally:
        for name in added:
            os.environ.pop(name, None)


def _is_worth_a_line(record: logging.LogRecord) -> bool:
    """gRPC logs metadata of a peer that is not UTF-8 as an error with a traceback. It is one line here, at DEBUG."""
    if not str(record.msg).startswith("Invalid encoding on"):
        return True
    record.exc_info, record.levelno, record.levelname = None, logging.DEBUG, "DEBUG"
    return _grpc_log.isEnabledFor(logging.DEBUG)


_grpc_log = logging.getLogger("grpc._cython.cygrpc")
_grpc_log.addFilter(_is_worth_a_line)


with _environment_with({} if "grpc" in sys.modules else _SETTINGS):
    import grpc
    from grpc import aio

free_all_batches()

__all__ = ["aio", "grpc"]
