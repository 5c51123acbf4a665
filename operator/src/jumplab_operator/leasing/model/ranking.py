"""Who goes first: priority, then fair share among clients, then age; aging, so that nobody starves."""

from datetime import datetime, timedelta
from typing import TypeAlias

PATIENCE = timedelta(hours=4)
"""A lease that has waited so long counts as of the highest priority. Share alone lets nobody starve: what others
use counts for those who wait."""

_HIGHEST = 2**31
BOOKED = 2**32
"""The priority of a lease whose time has come: its exporter was kept for it."""

CLAIMED = 2**33
"""The priority of a lease that an exporter is claimed by already: that is finished before anything is given away."""

Rank: TypeAlias = tuple[int, float, datetime, str, str]
"""The smallest goes first; no two are equal."""


def rank(priority: int, used_seconds: int, weight: int, place: tuple[datetime, str, str], now: datetime) -> Rank:
    """The rank of a lease that waits at `place` (since when, name, uid), whose client has used so much of late."""
    starving = now - place[0] >= PATIENCE
    return -(max(priority, _HIGHEST) if starving else priority), used_seconds / weight, *place
