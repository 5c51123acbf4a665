"""Processes that drivers' code makes by `fork`, without a program of their own: multiprocessing's, for example.

They die with the exporter, and hold none of its locks: a lock lasts for as long as any process has its descriptor.
"""

import ctypes
import os
import signal

_PR_SET_PDEATHSIG = 1
_prctl = ctypes.CDLL(None, use_errno=True).prctl if os.uname().sysname == "Linux" else None
_locks: set[int] = set()


def keep_from_children(descriptor: int) -> None:
    """A forked child closes this descriptor at once."""
    _locks.add(descriptor)


def release(descriptor: int) -> None:
    """It is closed, and its number may be another's."""
    _locks.discard(descriptor)


def _in_child() -> None:
    """At once: nothing of this process may be waited for here, its threads are not in the child."""
    if _prctl is not None:
        _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    for descriptor in _locks:
        os.close(descriptor)


os.register_at_fork(after_in_child=_in_child)
