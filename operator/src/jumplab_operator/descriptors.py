"""File descriptors: as many as the system lets this process have, of which some are kept for its own work."""

from __future__ import annotations

import resource

OWN = 128
"""Kept for the operator itself: its data, its connections to the Kubernetes API, what it listens on."""
_ENOUGH = 1024 * 1024


def raise_limit() -> None:
    """Raises the limit of this process to the most that it may set itself."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = _ENOUGH if hard == resource.RLIM_INFINITY else hard
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def limit() -> int:
    """How many this process may have open."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return _ENOUGH if soft == resource.RLIM_INFINITY else soft
